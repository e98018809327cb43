"""Heads of all kinds begin at the source head, or are refused by name."""
import pytest
import torch
from mmpretrain.registry import MODELS

import mmjtln  # noqa: F401
from mmjtln.heads import carry_over, output_layers, plan_weights

HEADS = {
    'LinearClsHead': dict(in_channels=6),
    'StackedLinearClsHead': dict(in_channels=6, mid_channels=[5, 3],
                                 norm_cfg=dict(type='BN1d')),
    'VisionTransformerClsHead': dict(in_channels=6, hidden_dim=9),
    'DeiTClsHead': dict(in_channels=6),
    'ConformerHead': dict(in_channels=[6, 4]),
    'EfficientFormerClsHead': dict(in_channels=6),
    'LeViTClsHead': dict(in_channels=6),
    'VigClsHead': dict(in_channels=6, hidden_dim=5),
}


def _head(kind: str, num_classes: int, **options) -> torch.nn.Module:
    head = MODELS.build(dict(
        type=f'mmpretrain.{kind}', num_classes=num_classes,
        **{**HEADS[kind], **options}))
    return head.eval()


def _inputs(kind: str) -> tuple:
    feats = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    if kind in ('DeiTClsHead', 'ConformerHead'):
        return ([feats, feats[:, :HEADS[kind]['in_channels'][1]]
                 if kind == 'ConformerHead' else feats], )
    return (feats, )


@pytest.mark.parametrize('kind', HEADS)
@pytest.mark.parametrize('target', [3, 7])
def test_logits_are_the_shares_mean_of_the_source_logits(kind, target):
    """Barycentric projection and a linear layer commute, whatever is before.

    With three target classes a hidden layer is as wide as there are classes.
    """
    torch.manual_seed(0)
    source, head = _head(kind, 7), _head(kind, target)
    shares = plan_weights(torch.rand(7, target))
    carry_over(source, head, shares)
    feats = _inputs(kind)
    logits, source_logits = (
        out if isinstance(out, torch.Tensor) else sum(out)
        for out in (head(feats), source(feats)))
    expected = source_logits.double() @ shares
    expected = expected - expected.mean(1, keepdim=True)
    torch.testing.assert_close(logits.double(), expected, rtol=0, atol=1e-5)


def test_a_head_without_a_last_linear_layer_is_refused_by_name():
    head = MODELS.build(dict(type='mmpretrain.ClsHead'))
    with pytest.raises(TypeError, match='ClsHead has none'):
        output_layers(head, 3)
    with pytest.raises(TypeError, match='LinearClsHead'):
        output_layers(_head('LinearClsHead', 4), 3)


def test_heads_that_differ_in_more_than_classes_are_refused():
    source = _head('StackedLinearClsHead', 7)
    head = _head('StackedLinearClsHead', 3, mid_channels=[5, 4])
    with pytest.raises(ValueError, match='layers.1.fc'):
        carry_over(source, head, plan_weights(torch.rand(7, 3)))
    with pytest.raises(ValueError, match='LinearClsHead'):
        carry_over(source, _head('LinearClsHead', 3),
                   plan_weights(torch.rand(7, 3)))
