"""The last linear layer is found, or its absence told by name."""
import pytest
import torch
from mmpretrain.registry import MODELS

from mmjtln.heads.last_layer import (
    detach_classifier,
    is_bare_head,
    is_of_new_head,
    last_linear,
    output_layers,
    with_classes,
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


def _stacked(*widths: int, **options):
    return MODELS.build(dict(
        type='mmpretrain.StackedLinearClsHead', in_channels=widths[0],
        mid_channels=list(widths[1:-1]), num_classes=widths[-1], **options))


def test_output_layers_are_the_last_one_or_those_that_are_summed():
    """A hidden layer as wide is none of them, and the end must be one."""
    head = _stacked(6, 3, 3, 3)
    assert output_layers(head, 3) == {'layers.2.fc': head.layers[2].fc}
    levit = MODELS.build(dict(
        type='mmpretrain.LeViTClsHead', num_classes=3, in_channels=6))
    assert output_layers(levit, 3) == {
        'head.linear': levit.head.linear,
        'head_dist.linear': levit.head_dist.linear}
    with pytest.raises(TypeError, match=r'StackedLinearClsHead has '
                       r"\['Linear\(in_features=3, out_features=5"):
        output_layers(_stacked(6, 4, 3, 5), 3)
    levit.head_dist.linear = torch.nn.Linear(6, 4)
    with pytest.raises(TypeError, match='to 3 classes'):
        output_layers(levit, 3)


@pytest.mark.parametrize('bias', [True, False])
def test_a_copy_with_other_classes_shares_nothing(bias):
    head = _stacked(6, 5, 3)
    head.layers[1].fc = torch.nn.Linear(5, 3, bias=bias)
    found = with_classes(head, 3, 7)
    last = found.layers[1].fc
    assert (last.in_features, last.out_features) == (5, 7)
    assert (last.bias is not None) == bias
    assert head.layers[1].fc.out_features == 3
    ours, theirs = found.layers[0].fc.weight, head.layers[0].fc.weight
    assert torch.equal(ours, theirs) and ours is not theirs


def test_the_classifier_of_a_backbone_is_taken_off():
    backbone = MODELS.build(dict(type='LeNet5', num_classes=10))
    images = torch.randn(2, 1, 32, 32)
    logits, = backbone(images)
    last = backbone.classifier[2]
    assert detach_classifier(backbone) == ('classifier.2', 84)
    features, = backbone(images)
    torch.testing.assert_close(last(features), logits)
    assert detach_classifier(MODELS.build(dict(type='LeNet5'))) is None

    class Nested(torch.nn.Module):
        def __init__(self, num_classes: int) -> None:
            super().__init__()
            self.end = torch.nn.Sequential(torch.nn.Sequential(
                torch.nn.Linear(2, 3), torch.nn.Linear(3, 4),
                torch.nn.Linear(4, num_classes)))

    nested = Nested(5)
    assert detach_classifier(nested) == ('end.0.2', 4)
    assert isinstance(nested.end[0][2], torch.nn.Identity)


def test_parameters_of_the_new_head_are_known_by_name():
    lenet = dict(type='LeNet5', num_classes=10)
    names = {'head.layers.0.fc.weight', 'head.layers.1.fc.bias',
             'header.fc.weight', 'backbone.head.weight',
             'backbone.classifier.2.bias', 'backbone.classifier.0.weight'}
    for head, found in (
        (dict(type='StackedLinearClsHead', num_classes=3, in_channels=10,
              mid_channels=[5]),
         {'head.layers.0.fc.weight', 'head.layers.1.fc.bias'}),
        (dict(type='ClsHead'), {'backbone.classifier.2.bias'})):
        assert {*filter(is_of_new_head(_classifier(lenet, head)), names)
                } == found


def test_a_bare_head_is_known_by_its_type():
    assert is_bare_head(dict(type='ClsHead'))
    assert is_bare_head(dict(type='mmpretrain.ClsHead', topk=1))
    assert not is_bare_head(dict(type='mmpretrain.LinearClsHead'))
    assert not is_bare_head({})


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
