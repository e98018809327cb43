"""timm networks as JTLN: weights from a file, training, export."""
from collections import OrderedDict

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS

from mmjtln.apis import export_classifier
from mmjtln.checkpoints.networks import timm_state
from mmjtln.datasets import MNIST5k

timm = pytest.importorskip('timm')

NAME = 'test_efficientnet'  # timm's own name for its smallest


@pytest.fixture
def convert():
    """Import the converter and hand out its function."""
    init_default_scope('mmpretrain')
    return timm_state


def timm_file(path, name=NAME, num_classes=10):
    """Save random weights, statistics included, as timm does."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=num_classes)
    model.train()(torch.randn(4, *model.default_cfg['input_size']))
    torch.save(model.state_dict(), path)
    return model.eval()


def test_weights_train_and_export(convert, tiny_run, tmp_path):
    """A weights file starts a JTLN, which trains and leaves as stock."""
    model = timm_file(tmp_path / 'in.pth', num_classes=7)
    state = convert(NAME, str(tmp_path / 'in.pth'))
    torch.save(dict(state_dict=state), tmp_path / 'stock.pth')

    source = tiny_run.train_dataloader.dataset.source
    tiny_run.train_dataloader.dataset.source = dict(
        type='mmjtln.ClassSubset', classes=MNIST5k(split='test').CLASSES[:7],
        dataset=source)
    tiny_run.val_dataloader.dataset = tiny_run.train_dataloader.dataset
    tiny_run.model.backbone = dict(
        type='TIMMBackbone', model_name=NAME, num_classes=7,
        checkpoint_path=str(tmp_path / 'in.pth'))
    tiny_run.model.head.in_channels = model.num_features
    tiny_run.model.source_head.num_classes = 7
    tiny_run.custom_hooks.append(dict(type='mmjtln.StockCheckpointHook'))
    tiny_run.load_from = str(tmp_path / 'stock.pth')
    tiny_run.train_cfg.max_epochs = 1
    runner = Runner.from_cfg(tiny_run)
    assert runner.train_loop  # Built: weights are loaded to train.
    runner.load_or_resume()
    for name, value in model.state_dict().items():
        if not name.startswith('classifier'):
            assert torch.equal(
                runner.model.backbone.timm_model.state_dict()[name], value)
    assert torch.equal(
        runner.model.source_head.fc.weight, model.classifier.weight)

    runner.train()
    assert not torch.equal(
        runner.model.backbone.timm_model.conv_stem.weight,
        model.conv_stem.weight)
    files = export_classifier(
        tiny_run, tmp_path / 'work_dir/epoch_1.pth', tmp_path / 'out')
    # The exported model must not ask for the weights file.
    exported = Config.fromfile(files['config']).model
    assert exported.backbone.type == 'TIMMBackbone'
    assert 'checkpoint_path' not in exported.backbone


def test_by_order(convert, tmp_path):
    """The same layers under other names are taken in their order."""
    model = timm_file(tmp_path / 'in.pth')
    renamed = OrderedDict(
        (f'_{i}.{key.rpartition(".")[2]}', value)
        for i, (key, value) in enumerate(model.state_dict().items()))
    torch.save(renamed, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='--by-order'):
        convert(NAME, str(tmp_path / 'other.pth'))
    with pytest.raises(ValueError, match='of test_resnet: Tensor'):
        convert('test_resnet', str(tmp_path / 'other.pth'), by_order=True)
    with pytest.raises(FileNotFoundError, match='none.pth'):
        convert(NAME, str(tmp_path / 'none.pth'))
    expected = convert(NAME, str(tmp_path / 'in.pth'))
    found = convert(NAME, str(tmp_path / 'other.pth'), by_order=True)
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    # And they give what timm's own model gives.
    stock = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type='TIMMBackbone', model_name=NAME),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=10,
                      in_channels=model.num_features))).eval()
    stock.load_state_dict(found)
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(stock(images, mode='tensor'), model(images))


@pytest.mark.parametrize('name', ['test_vit', 'test_convnext'])
def test_other_structures_are_refused(convert, tmp_path, name):
    """A network that stock parts compute otherwise is not written."""
    timm_file(tmp_path / 'in.pth', name)
    with pytest.raises(ValueError, match='feature map, its average'):
        convert(name, str(tmp_path / 'in.pth'))
