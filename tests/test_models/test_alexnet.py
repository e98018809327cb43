"""AlexNet's fully connected neck and torchvision's weights."""
import pytest
import torch
import torchvision
from mmpretrain.registry import MODELS

from mmjtln.models import AlexNetNeck, convert_torchvision_alexnet


@pytest.fixture(scope='module')
def torchvision_alexnet():
    """Build torchvision's AlexNet without downloading weights."""
    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None, num_classes=10).eval()


def test_converted_weights_give_torchvisions_logits(torchvision_alexnet):
    """Backbone, neck and head together are torchvision's AlexNet."""
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type='AlexNet'),
            neck=dict(type='mmjtln.AlexNetNeck'),
            head=dict(
                type='LinearClsHead', num_classes=10,
                in_channels=4096))).eval()
    state = convert_torchvision_alexnet(torchvision_alexnet.state_dict())
    assert set(state) == set(model.state_dict())
    model.load_state_dict(state)
    with torch.no_grad():
        for pixels in (224, 96):
            x = torch.randn(2, 3, pixels, pixels)
            torch.testing.assert_close(model(x), torchvision_alexnet(x))


def test_other_weights_are_refused(torchvision_alexnet):
    """Missing and unknown keys are named."""
    state = dict(torchvision_alexnet.state_dict())
    state['layer1.weight'] = state.pop('classifier.4.bias')
    with pytest.raises(ValueError) as error:
        convert_torchvision_alexnet(state)
    assert 'layer1.weight' in str(error.value)
    assert 'classifier.4.bias' in str(error.value)


@pytest.mark.parametrize('size', [1, 2, 6, 13])
def test_any_feature_map_size(size):
    """Whatever the backbone accepts, the neck gives one vector an image."""
    neck = AlexNetNeck(in_channels=4, out_channels=16)
    feats, = neck((torch.randn(2, 4, size, size), ))
    assert feats.shape == (2, 16)


def test_dropout_acts_in_training_only():
    """Two passes differ in training and agree in evaluation."""
    neck = AlexNetNeck(in_channels=4, out_channels=64)
    x = (torch.randn(2, 4, 6, 6), )
    assert not torch.equal(neck(x)[0], neck(x)[0])
    neck.eval()
    assert torch.equal(neck(x)[0], neck(x)[0])
