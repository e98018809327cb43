"""AlexNet's fully connected neck."""
import pytest
import torch

from mmjtln.models import AlexNetNeck


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
