"""What the tool builds, from which images, and what it says of it."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from mmjtln.costs import CostMatrix
from tests.load_tool import load_tool, run_tool
from tests.test_costs.conftest import PACK, toy_config

CLASSES = ['a', 'b', 'c']


def images(**kwargs):
    return dict(type='CostToyImages', counts=[4, 5, 6], **kwargs)


@pytest.fixture
def config(tmp_path):
    toy = toy_config(num_classes=3)
    model = dict(
        toy, type='mmjtln.JTLNClassifier', source_head=dict(num_classes=3))
    data = dict(
        type='mmjtln.JointDataset',
        source=images(classes=CLASSES),
        target=images(
            shift=20, pipeline=[dict(type='RandomFlip', prob=0.5), *PACK]))
    hooks = [
        dict(
            type='mmjtln.CostMatrixHook',
            cost=dict(type='mmjtln.MKMMDCost', seed=3))
    ]
    path = tmp_path / 'config.py'
    preprocessor = model.pop('data_preprocessor')
    path.write_text(
        f'model = {model!r}\ndata_preprocessor = {preprocessor!r}\n'
        f'train_dataloader = dict(dataset={data!r})\n'
        f'test_dataloader = dict(dataset={images(pipeline=PACK)!r})\n'
        f'custom_hooks = {hooks!r}\n')
    return path


@pytest.fixture
def run(config, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        run_tool('build_cost', config, *arguments)
        return capsys.readouterr().out

    return call


def test_the_configs_builder_is_the_default(run, tmp_path):
    out = run('--out', 'deep/c.npz', '--cost-options', 'stage=backbone')
    cost = CostMatrix.load(tmp_path / 'deep' / 'c.npz')
    assert (cost.method, cost.settings['seed']) == ('MKMMDCost', 3)
    assert cost.settings['stage'] == 'backbone'
    assert (tmp_path / 'deep' / 'c.png').read_bytes()[1:4] == b'PNG'
    assert 'initial weights' in out
    assert 'nearest source classes of each target class' in out


def test_several_builders_are_saved_by_name(run, tmp_path):
    source = MODELS.build(toy_config(num_classes=3))
    torch.save(
        dict(
            state_dict=source.state_dict(),
            meta=dict(dataset_meta=dict(classes=CLASSES))), 'source.pth')
    out = run('--checkpoint', 'source.pth', '--method', 'MKMMDCost',
              'ConfusionCost')
    assert 'initial weights' not in out
    for name in ('MKMMDCost', 'ConfusionCost'):
        assert CostMatrix.load(tmp_path / f'cost.{name}.npz').method == name


def test_a_source_trained_head_becomes_the_source_head(run, tmp_path):
    from mmjtln.costs import ConfusionCost
    from tests.test_costs.conftest import ToyImages
    source = MODELS.build(toy_config(num_classes=3))
    torch.nn.init.normal_(source.head.fc.weight)
    torch.save(
        dict(
            state_dict=source.state_dict(),
            meta=dict(dataset_meta=dict(classes=CLASSES))), 'source.pth')
    run('--checkpoint', 'source.pth', '--method', 'ConfusionCost')
    expected = ConfusionCost()(
        ToyImages([4, 5, 6], CLASSES), ToyImages([4, 5, 6], shift=20), source)
    assert CostMatrix.load('cost.npz').source_hash == expected.source_hash


def test_unknown_builders_and_bad_input_end_early(run):
    with pytest.raises(ValueError, match="got 'Magic'. Change --method"):
        run('--method', 'Magic')
    with pytest.raises(ValueError, match='samples_per_class'):
        run('--cost-options', 'samples_per_class=0')


def test_the_pipeline_is_found():
    tool = load_tool('build_cost')

    def loader(**dataset):
        return dict(dataset=dataset)

    a, b, c = ([dict(type=name)] for name in 'abc')
    wrapped = dict(type='FewShotDataset', dataset=dict(pipeline=b))
    test = dict(test_dataloader=loader(dataset=dict(pipeline=c)))
    joint = dict(
        test,
        val_dataloader=loader(source=dict(pipeline=a), target=wrapped))
    hook = dict(type='mmjtln.CostMatrixHook', cost=dict(pipeline=c))
    for config, expected in (
        (dict(), None), (test, c), (dict(val_dataloader=loader()), None),
        (dict(test, val_dataloader=loader(pipeline=a)), a),
        (joint, dict(source=a, target=b)),
        (dict(joint, custom_hooks=[hook]), c)):
        assert tool.find_pipeline(Config(config)) == expected
    cost = dict(type='mmjtln.ShuffledCost',
                cost=dict(type='mmjtln.MKMMDCost'))
    hook = dict(type='mmjtln.CostMatrixHook', cost=cost)
    found, = tool.cost_configs(
        Config(dict(test, custom_hooks=[hook])), None, {})
    assert found['cost']['pipeline'] == c


COST = CostMatrix([[0, .5, .5], [1, .25, .5]], ['cat', 'car'],
                  ['dog', 'van', 'tree'], 'FileCost')


def test_nearest_classes_both_ways():
    text = load_tool('build_cost').describe(COST, 2)
    assert 'FileCost: 2 source x 3 target classes' in text
    assert 'range 0 to 1, median 0.5' in text
    assert '  dog   cat 0.000, car 1.000' in text
    assert '  van   car 0.250, cat 0.500' in text
    assert '  car  van 0.250, tree 0.500' in text


@pytest.mark.parametrize('matrix, target, source', [
    (COST.matrix, 33, 0), ([[0, 0, 1], [0, 1, 2]], 33, 50),
    ([[0, 1e-9], [1, 0]], 50, 50), ([[3], [4]], 0, 0), ([[1, 1]], 0, 100)])
def test_ties(matrix, target, source):
    rows, columns = np.shape(matrix)
    text = load_tool('build_cost').describe(
        CostMatrix(matrix, list('abcd')[:rows], list('xyz')[:columns]), 1)
    assert f'target classes: {target}% have a tie' in text
    assert f'source classes: {source}% have a tie' in text


def test_entropy_and_long_lists():
    names = [f'c{i}' for i in range(70)]
    text = load_tool('build_cost').describe(
        CostMatrix(np.zeros((70, 70)), names, names), 1)
    assert 'entropy 4.25 nats, as of 70.0 equal classes of 70' in text
    assert text.count('... and 20 more') == 2
    assert len(text.splitlines()) < 115
