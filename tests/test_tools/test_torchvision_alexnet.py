"""The converter of torchvision's AlexNet weights, as a command."""

import pytest
import torch
import torchvision
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS

from tests.load_tool import load_tool, run_tool

TOOL = 'model_converters/torchvision_alexnet'


def test_converted_file_loads_into_a_jtln_model(tmp_path):
    """Backbone and neck get every weight, bit for bit."""
    alexnet = torchvision.models.alexnet(weights=None)
    torch.save(alexnet.state_dict(), tmp_path / 'in.pth')
    run_tool(TOOL, tmp_path / 'in.pth', tmp_path / 'new/out.pth')
    model = MODELS.build(
        dict(
            type='mmjtln.JTLNClassifier',
            backbone=dict(type='AlexNet'),
            neck=dict(type='mmjtln.AlexNetNeck'),
            head=dict(type='LinearClsHead', num_classes=3, in_channels=4096),
            source_head=dict(num_classes=1000)))
    load_checkpoint(model, str(tmp_path / 'new/out.pth'))
    assert torch.equal(model.backbone.features[3].weight,
                       alexnet.features[3].weight)
    assert torch.equal(model.neck.fc6.weight, alexnet.classifier[1].weight)
    assert torch.equal(model.neck.fc7.bias, alexnet.classifier[4].bias)


@pytest.fixture(scope='module')
def converter():
    """Import the tool as a module."""
    return load_tool(TOOL)


@pytest.fixture(scope='module')
def torchvision_alexnet():
    """Build torchvision's AlexNet without downloading weights."""
    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None, num_classes=10).eval()


def test_converted_weights_give_torchvisions_logits(
        converter, torchvision_alexnet):
    """Backbone, neck and head together are torchvision's AlexNet."""
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type='AlexNet'),
            neck=dict(type='mmjtln.AlexNetNeck'),
            head=dict(
                type='LinearClsHead', num_classes=10,
                in_channels=4096))).eval()
    state = converter.convert(torchvision_alexnet.state_dict())
    assert set(state) == set(model.state_dict())
    model.load_state_dict(state)
    with torch.no_grad():
        for pixels in (224, 96):
            x = torch.randn(2, 3, pixels, pixels)
            torch.testing.assert_close(model(x), torchvision_alexnet(x))


def test_other_weights_are_refused(converter, torchvision_alexnet):
    """Missing and unknown keys are named."""
    state = dict(torchvision_alexnet.state_dict())
    state['layer1.weight'] = state.pop('classifier.4.bias')
    with pytest.raises(ValueError) as error:
        converter.convert(state)
    assert 'layer1.weight' in str(error.value)
    assert 'classifier.4.bias' in str(error.value)
