"""A sample of the walk over MMPretrain's model files: kinds, not names."""
import pytest
from mmengine.registry import init_default_scope

from mmjtln.hosts import host_file
from tests.load_tool import load_tool, run_tool

MODELS = host_file('configs/_base_/models')


@pytest.fixture(scope='module')
def walk():
    """Import the tool as a module."""
    return load_tool('long_checks/walk_models')


# One file for each way a backbone, neck and head are put together.
@pytest.mark.parametrize('name', [
    'conformer/tiny-p16.py',  # two outputs
    'convnext_v2/atto.py',  # no neck
    'efficientformer-l1.py',  # distilled head that refuses its loss
    'edgenext/edgenext-xxsmall.py',
    'levit-256-p16.py',  # distilled head that refuses training
    'mobilenet_v3/mobilenet_v3_small_cifar.py',  # stacked head
    'resnest50.py',  # class count inside the loss
    'resnet18.py',
    'van/van_tiny.py',  # batch augmentation
])
def test_single_label_file(walk, name):
    """It becomes a JTLN, learns in every part and predicts."""
    init_default_scope('mmpretrain')
    result = walk.walk_one(MODELS / name)
    assert result['status'] == 'ok', result['note']


def test_unused_parameters_are_named(walk):
    """DeiT3, a transformer head: MMPretrain never calls its second norm."""
    init_default_scope('mmpretrain')
    name = 'deit3/deit3-small-p16-224.py'
    result = walk.walk_one(MODELS / name)
    assert result['status'] == 'ok'
    assert result['note'] == ('24 parameters never used, backbone.layers.*.ln2'
                              ': `find_unused_parameters=True`')


@pytest.mark.parametrize('name, reason', [
    ('mae_vit-base-p16.py', 'MAE is no ImageClassifier'),
    ('resnet50_mixup.py', 'multi-label'),
])
def test_other_files(walk, name, reason):
    """What is no single-label classifier is named, with the cause."""
    init_default_scope('mmpretrain')
    result = walk.walk_one(MODELS / name)
    assert result['status'] == 'no'
    assert reason in result['note']


def test_a_failure_is_named(walk, tmp_path):
    """A model that cannot become a JTLN is a row of the table."""
    init_default_scope('mmpretrain')
    path = tmp_path / 'model.py'
    path.write_text(
        "model = dict(type='ImageClassifier', backbone=dict(type='ResNet', "
        "depth=18), neck=dict(type='GlobalAveragePooling'), head=dict("
        "type='ArcFaceClsHead', num_classes=9, in_channels=512))")
    result = walk.walk_one(path)
    assert result['status'] == 'FAIL'
    assert 'margin' in result['note']
    assert walk.row('model.py', result).startswith(
        '| model.py | ArcFaceClsHead | | | FAIL')


def test_table(capsys):
    """A row a file, and how many there are of each kind."""
    run_tool('long_checks/walk_models', '--only', 'r*net50_mixup.py')
    lines = capsys.readouterr().out.splitlines()
    assert '| resnet50_mixup.py | MultiLabelLinearClsHead | | | no: ' in (
        lines[2])
    assert lines[-1].startswith('1 files: 0 ok, 1 no ')
