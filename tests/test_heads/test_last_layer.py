"""The last linear layer is found, or its absence told by name."""
import pytest
from mmpretrain.registry import MODELS

from mmjtln.heads.last_layer import (
    detach_classifier,
    last_linear,
    output_layers,
)


def _classifier(backbone: dict, head: dict):
    return MODELS.build(dict(type='ImageClassifier', backbone=backbone,
                             head=head))


def test_a_head_without_a_last_linear_layer_is_refused_by_name():
    head = MODELS.build(dict(type='mmpretrain.ClsHead'))
    with pytest.raises(TypeError, match='ClsHead has none'):
        output_layers(head, 3)
    with pytest.raises(TypeError, match='LinearClsHead'):
        output_layers(MODELS.build(dict(
            type='mmpretrain.LinearClsHead', num_classes=4, in_channels=6)), 3)


def test_a_linear_layer_inside_a_backbone_is_no_classifier():
    """A transformer's last linear layer stays where it is."""
    backbone = MODELS.build(dict(type='VisionTransformer', arch='deit-tiny'))
    assert detach_classifier(backbone) is None


def test_the_last_layer_is_the_head_s_or_the_backbone_s():
    lenet = dict(type='LeNet5', num_classes=10)
    assert last_linear(_classifier(
        lenet, dict(type='ClsHead'))) == 'backbone.classifier.2'
    assert last_linear(_classifier(
        lenet, dict(type='LinearClsHead', num_classes=3, in_channels=10)
    )) == 'head.fc'
    with pytest.raises(TypeError, match='neither `model.head`'):
        last_linear(_classifier(dict(type='LeNet5'), dict(type='ClsHead')))
