"""tools/export.py: MMPretrain alone gives the scores of the trained model."""
import copy
import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import mmpretrain
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from PIL import Image

from mmjtln import export
from mmjtln.apis import (
    JTLNInferencer,
    export_classifier,
    onnx_predict,
    write_predictions,
)
from mmjtln.datasets import MNIST5k, UCIDigits
from tests.load_tool import run_tool
from tests.pictures import odd_pictures

# Runs where the plugin is never imported, as its last line makes sure.
STOCK_USER = '''
import json, sys
import cv2, torch
from mmpretrain import ImageClassificationInferencer, get_model
from mmpretrain.apis import init_model
torch.set_num_threads(1)
config, checkpoint, image = sys.argv[1:]
inferencer = ImageClassificationInferencer(config, pretrained=checkpoint)
result = inferencer(cv2.imread(image))[0]
one = get_model(config, pretrained=checkpoint)
two = init_model(config, checkpoint)
for a, b in zip(one.parameters(), two.parameters()):
    assert torch.equal(a, b)
assert not [name for name in sys.modules if name.startswith('mmjtln')]
result['pred_scores'] = result['pred_scores'].tolist()
print('RESULT', json.dumps(result))
'''


def python(*command, cwd) -> str:
    """Run Python as a user would and return what it prints."""
    result = subprocess.run([sys.executable, *map(str, command)], cwd=cwd,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.fixture
def image(tmp_path) -> Path:
    """Write an image."""
    import cv2
    path = tmp_path / 'image.png'
    noise = np.random.default_rng(3).integers(0, 256, (40, 50, 3))
    cv2.imwrite(str(path), noise.astype(np.uint8))
    return path


@pytest.fixture
def trained(tiny_run):
    """Train for an epoch; return the config file, the checkpoint, a model."""
    tiny_run.train_cfg.max_epochs = 1
    tiny_run.custom_imports = dict(imports=['mmjtln'])
    for dataset in (tiny_run.val_dataloader.dataset.source,
                    tiny_run.test_dataloader.dataset):
        # Images of one size: the inferencer meets files of any.
        dataset.pipeline[0].scale = (32, 32)
    runner = Runner.from_cfg(copy.deepcopy(tiny_run))
    runner.train()
    work_dir = Path(tiny_run.work_dir)
    tiny_run.dump(work_dir / 'run.py')
    best, = work_dir.glob('best_target*.pth')
    return work_dir / 'run.py', best, runner.model.eval()


def scores(model, image, domain):
    """Score an image file with the trained model itself."""
    import cv2
    pixels = cv2.resize(cv2.imread(str(image)), (32, 32))
    data = model.data_preprocessor(
        dict(inputs=torch.from_numpy(pixels).permute(2, 0, 1)[None]))
    head = model.source_head if domain == 'source' else model.head
    with torch.no_grad():
        feats = model.extract_feat(data['inputs'])
        return head.predict(feats)[0].pred_score


@pytest.mark.parametrize('domain', ['target', 'source'])
def test_round_trip(trained, image, tmp_path, domain):
    """Train, export, and use it in a process that never imports us."""
    config, checkpoint, model = trained
    out = tmp_path / 'out'
    run_tool('export', config, checkpoint, out, '--domain', domain)
    assert sorted(path.name for path in out.iterdir()) == [
        'config.py', 'model.pth']
    printed = python('-c', STOCK_USER, out / 'config.py', out / 'model.pth',
                     image, cwd=tmp_path)
    result = json.loads(printed.split('RESULT')[1])
    torch.testing.assert_close(
        torch.tensor(result['pred_scores']), scores(model, image, domain),
        atol=1e-6, rtol=0)
    # No type of this plugin; the header may name it.
    assert 'mmjtln.' not in (out / 'config.py').read_text()

    meta = torch.load(out / 'model.pth', weights_only=True)['meta']
    data_set = dict(target=UCIDigits, source=MNIST5k)[domain]
    classes = list(data_set.METAINFO['classes'])
    assert result['pred_class'] == classes[result['pred_label']]
    assert meta['dataset_meta'] == dict(classes=classes)
    assert 'arXiv:1709.02995' in meta['method']


def test_mmpretrains_own_test_tool(trained, tmp_path):
    """MMPretrain's tools/test.py gives the accuracy of the trained model."""
    import cv2
    config, checkpoint, model = trained
    files = export_classifier(config, checkpoint, tmp_path / 'out')
    correct, images = 0, UCIDigits(split='val')
    for i in range(0, len(images), 4):
        info = images.get_data_info(i)
        # One folder a class, in the order of the class list.
        folder = tmp_path / 'data' / images.CLASSES[info['gt_label']]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{i}.png'
        cv2.imwrite(str(path), cv2.resize(info['img'], (32, 32)))
        predicted = scores(model, path, 'target').argmax().item()
        correct += predicted == info['gt_label']
    root = Path(mmpretrain.__file__).parent
    tool = next(path for path in (root / '.mim/tools/test.py',
                                  root.parent / 'tools/test.py')
                if path.is_file())
    printed = python(
        tool, files['config'], files['checkpoint'], '--cfg-options',
        f'test_dataloader.dataset.data_root={tmp_path / "data"}',
        cwd=tmp_path)
    found = re.search(r'accuracy/top1: ([\d.]+)', printed).group(1)
    count = len(range(0, len(images), 4))
    assert float(found) == pytest.approx(100 * correct / count, abs=1e-3)


def test_onnx(trained, tmp_path, monkeypatch):
    """The lines of the documentation give the scores of the trained model.

    On every picture, as tools/predict.py does.
    """
    pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')
    pytest.importorskip('onnxruntime')
    config, checkpoint, _ = trained
    files = export_classifier(config, checkpoint, tmp_path / 'out', onnx=True)
    card = json.loads(files['onnx_card'].read_text())
    assert card['input']['shape'] == ['N', 32, 32, 3]
    assert card['classes'] == list(UCIDigits.METAINFO['classes'])
    assert card['mean_in_graph'] == [127.5] * 3
    assert [step['type'] for step in card['before']] == [
        'LoadImageFromFile', 'Resize']
    pictures = odd_pictures(tmp_path / 'pictures')
    text = (Path(export.__file__).parent / 'README.md').read_text()
    code = re.search(r'```python onnx\n(.*?)```', text, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)  # noqa: S102
    expected = JTLNInferencer(str(config), str(checkpoint))(pictures)
    open_ones = [Image.open(path) for path in pictures]
    for found in (names['found'], onnx_predict(
            files['onnx'], open_ones, batch_size=5)):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                one.pop('pred_scores'), other['pred_scores'],
                # Of an open picture, Pillow rounds otherwise.
                atol=1e-5 if 'img_path' in one else 1e-2)
            assert one['pred_class'] == other['pred_class']
    write_predictions(config, checkpoint, ['pictures'], 'p.csv')
    rows = list(csv.DictReader(Path('p.csv').open()))
    assert [(row['path'], row['class']) for row in rows] == [
        (result['img_path'], result['pred_class'])
        for result in names['found']]


def test_onnx_needs_one_size(tiny_run, tmp_path):
    """Varying sizes and normalised images are refused, nothing is written."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxscript')
    pytest.importorskip('onnxruntime')
    checkpoint = saved(tiny_run, tmp_path)
    pipeline = tiny_run.test_dataloader.dataset.pipeline
    pipeline[0] = dict(type='ResizeEdge', scale=32)
    with pytest.raises(ValueError, match='CenterCrop'):
        export_classifier(tiny_run, checkpoint, tmp_path / 'out', onnx=True)
    pipeline[0] = dict(type='Resize', scale=(32, 32))
    pipeline.insert(1, dict(type='Normalize', mean=[127.5], std=[127.5]))
    with pytest.raises(ValueError, match='data_preprocessor'):
        export_classifier(tiny_run, checkpoint, tmp_path / 'out', onnx=True)
    assert not (tmp_path / 'out').exists()


def test_source_without_source_evaluation(tiny_run, tmp_path):
    """The target's test pipeline serves the source, wrapped or not."""
    tiny_run.val_dataloader = tiny_run.val_cfg = tiny_run.val_evaluator = None
    joint = tiny_run.train_dataloader.dataset
    joint.source = dict(type='RepeatDataset', times=2, dataset=joint.source)
    pipeline = tiny_run.test_dataloader.dataset.pipeline
    pipeline[0].scale = (40, 40)
    files = export_classifier(
        tiny_run, saved(tiny_run, tmp_path), tmp_path / 'out', 'source')
    loader = Config.fromfile(files['config']).test_dataloader
    assert loader.dataset.data_root == 'data/source'
    assert loader.dataset.pipeline[1:] == pipeline


def saved(cfg, tmp_path):
    """Save an untrained model of a config as a checkpoint."""
    init_default_scope('mmpretrain')
    torch.manual_seed(3)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'model.pth')
    return tmp_path / 'model.pth'


@pytest.mark.parametrize('size', [65, 100])
def test_alexnet_neck_in_stock_parts(tiny_run, tmp_path, size):
    """Pooling and fc6 are folded into one layer, for images of one size."""
    tiny_run.model = dict(
        type='mmjtln.JTLNClassifier',
        backbone=dict(type='AlexNet'),
        neck=dict(type='mmjtln.AlexNetNeck', out_channels=64),
        head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
        source_head=dict(num_classes=10))
    tiny_run.test_dataloader.dataset.pipeline[0].scale = (size, size)
    files = export_classifier(
        tiny_run, saved(tiny_run, tmp_path), tmp_path / 'out')
    model = Config.fromfile(files['config']).model
    assert (model.neck.type, model.head.type) == (
        'LinearNeck', 'StackedLinearClsHead')

    tiny_run.test_dataloader.dataset.pipeline[0].type = 'ResizeEdge'
    tiny_run.test_dataloader.dataset.pipeline[0].scale = size
    with pytest.raises(TypeError, match='CenterCrop'):
        export_classifier(tiny_run, tmp_path / 'model.pth', tmp_path / 'two')


def test_classifier_returns_into_the_backbone(tiny_run, tmp_path):
    """A head that came out of the backbone goes back into it."""
    tiny_run.model = dict(
        type='mmjtln.JTLNClassifier',
        backbone=dict(type='AlexNet', num_classes=1000),
        head=dict(type='ClsHead', num_classes=10),
        source_head=dict(num_classes=10))
    tiny_run.test_dataloader.dataset.pipeline[0].scale = (224, 224)
    files = export_classifier(
        tiny_run, saved(tiny_run, tmp_path), tmp_path / 'out')
    model = Config.fromfile(files['config']).model
    assert model.backbone == dict(type='AlexNet', num_classes=10)
    state = torch.load(files['checkpoint'], weights_only=True)['state_dict']
    assert state['backbone.classifier.6.weight'].shape == (10, 4096)


def test_stock_data_set_is_kept(tiny_run, tmp_path):
    """Test data that MMPretrain knows stays in the config."""
    pipeline = [dict(type='LoadImageFromFile'),
                dict(type='Resize', scale=(32, 32)), dict(type='PackInputs')]
    tiny_run.test_dataloader.dataset = dict(
        type='CustomDataset', data_root='somewhere', pipeline=pipeline)
    files = export_classifier(
        tiny_run, saved(tiny_run, tmp_path), tmp_path / 'out')
    loader = Config.fromfile(files['config']).test_dataloader
    # What another model has predicted is not said to be of this one.
    (tmp_path / 'out/predictions.csv').touch()
    (tmp_path / 'out/model.onnx').touch()
    export_classifier(tiny_run, tmp_path / 'model.pth', tmp_path / 'out')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'config.py', 'model.pth', 'predictions_before.csv']
    with pytest.raises(NotADirectoryError, match='is a file'):
        export_classifier(tiny_run, tmp_path / 'model.pth',
                          tmp_path / 'model.pth')
    assert loader.dataset == tiny_run.test_dataloader.dataset


def test_bad_input(tiny_run, tmp_path):
    """Each is one error, and nothing is written."""
    checkpoint = saved(tiny_run, tmp_path)
    out = tmp_path / 'out'
    with pytest.raises(ValueError, match='domain'):
        export_classifier(tiny_run, checkpoint, out, 'both')
    with pytest.raises(FileNotFoundError):
        export_classifier(tiny_run, tmp_path / 'none.pth', out)
    other = copy.deepcopy(tiny_run)
    other.model.head.num_classes = 11
    with pytest.raises(ValueError, match='must hold the weights'):
        export_classifier(other, checkpoint, out)
    loaded = torch.load(checkpoint, weights_only=False)
    loaded['meta'] = dict(dataset_meta=dict(classes=['a', 'b']))
    torch.save(loaded, tmp_path / 'names.pth')
    with pytest.raises(ValueError, match='names 2 target classes, and its '
                       'target head has 10 outputs'):
        export_classifier(tiny_run, tmp_path / 'names.pth', out)
    other = copy.deepcopy(tiny_run)
    other.model.type = 'ImageClassifier'
    with pytest.raises(ValueError, match='needs no export'):
        export_classifier(other, checkpoint, out)
    other = copy.deepcopy(tiny_run)
    other.test_dataloader = other.val_dataloader = None
    with pytest.raises(ValueError, match='test pipeline'):
        export_classifier(other, checkpoint, out)
    other = copy.deepcopy(tiny_run)
    other.test_dataloader.dataset.pipeline[0].type = 'mmjtln.Resize'
    with pytest.raises(TypeError, match='mmjtln.Resize'):
        export_classifier(other, checkpoint, out)
    assert not out.exists()
