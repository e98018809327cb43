"""Plan weights, and heads of all kinds that begin at the source head."""
import importlib
import logging

import numpy as np
import ot
import pytest
import torch
from mmpretrain.registry import MODELS

from mmjtln.heads import carry_over, plan_weights, transported
from mmjtln.heads.transported import class_plan


def _cost(rows: int = 12, columns: int = 5) -> torch.Tensor:
    return torch.rand(rows, columns, dtype=torch.float64,
                      generator=torch.Generator().manual_seed(0))


def _by_hand(cost: np.ndarray, reg: float, relax: float) -> np.ndarray:
    """Scale rows with exponent kappa and columns exactly, until at rest."""
    kernel, kappa = np.exp(-cost / reg), relax / (relax + reg)
    v = np.ones(cost.shape[1])
    for _ in range(1000):
        u = (1 / len(cost) / (kernel @ v))**kappa
        v = 1 / cost.shape[1] / (kernel.T @ u)
    plan = u[:, None] * kernel * v
    return plan / plan.sum(0)


@pytest.mark.parametrize('shape', [(12, 5), (3, 7), (4, 4)])
@pytest.mark.parametrize('reg, relax', [(0.05, 0.05), (0.1, 0.02),
                                        (0.05, 1.)])
def test_shares_are_those_of_the_scaling_iteration(shape, reg, relax):
    cost = _cost(*shape)
    shares = plan_weights(cost, reg, relax)
    np.testing.assert_allclose(
        shares, _by_hand(cost.numpy(), reg, relax), atol=2e-6)
    np.testing.assert_allclose(shares.sum(0), 1)


@pytest.mark.parametrize('given', [(), (0, ), (1, ), (0, 1)])
def test_plan_is_that_of_the_scaling_iteration(given):
    """The target's shares exactly; equal ones where none are given."""
    cost, reg, relax = _cost(), 0.1, 0.2
    shares = [torch.arange(1., count + 1) if side in given
              else torch.ones(count) for side, count in enumerate(cost.shape)]
    p, q = shares = [share.double() / share.sum() for share in shares]
    kernel, v = (-cost / reg).exp(), torch.ones(5).double()
    for _ in range(200):
        u = (p / (kernel @ v))**(relax / (relax + reg))
        v = q / (kernel.T @ u)
    plan = class_plan(cost, reg, relax, *(
        share if side in given else None
        for side, share in enumerate(shares)))
    np.testing.assert_allclose(plan, u[:, None] * kernel * v, atol=1e-6)
    np.testing.assert_allclose(plan.sum(0), q, atol=1e-6)


def test_a_plan_that_was_not_finished_is_told(monkeypatch):
    told = []
    # `mmjtln.heads.transported` is the function of this name.
    module = importlib.import_module('mmjtln.heads.transported')
    monkeypatch.setattr(module, 'print_log', lambda *words, **where:
                        told.append((words, where)))
    plan_weights(_cost(), 0.1)
    assert not told
    monkeypatch.setattr(module, '_MAX_ITER', 1)
    plan_weights(_cost(), 0.01)
    ((message, ), where), = told
    assert 'stopped at 1 iterations' in message and 'raise reg' in message
    assert where == dict(logger='current', level=logging.WARNING)


def test_without_a_penalty_they_are_the_nearest_classes():
    cost = _cost()
    np.testing.assert_allclose(
        plan_weights(cost, 0.05, 0), (-cost / 0.05).softmax(0), atol=1e-9)


def test_with_a_constraint_they_are_those_of_balanced_transport():
    cost = _cost()
    plan = ot.sinkhorn(np.full(12, 1 / 12), np.full(5, 1 / 5), cost.numpy(),
                       0.05, method='sinkhorn_log', stopThr=1e-12,
                       numItermax=100000)
    np.testing.assert_allclose(
        plan_weights(cost, 0.05, None), plan / plan.sum(0), atol=2e-6)


def test_a_class_that_is_near_to_all_is_shared_out():
    """What is nearest to everything tells classes nothing; the plan sees it.

    Source 0 is the nearest of both targets, source 1 and 2 near to one each.
    """
    cost = torch.tensor([[0., 0.], [.1, 1.], [1., .1]], dtype=torch.float64)
    hub = [plan_weights(cost, 0.05, relax)[0, 0] for relax in (0, .05, None)]
    assert hub[0] > hub[1] > hub[2]


def test_weights_are_the_shares_mean_of_weights_centred():
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(12, 7, generator=generator)
    bias = torch.randn(12, generator=generator)
    shares = plan_weights(_cost())
    found_weight, found_bias = transported(weight, bias, shares)
    by_hand = np.zeros((5, 8))
    for j in range(5):
        for i in range(12):
            by_hand[j] += shares[i, j].item() * np.append(
                weight[i].double(), bias[i].double())
    by_hand -= by_hand.mean(0)
    np.testing.assert_allclose(found_weight, by_hand[:, :7], atol=1e-6)
    np.testing.assert_allclose(found_bias, by_hand[:, 7], atol=1e-6)
    assert found_weight.dtype == weight.dtype
    assert transported(weight, None, shares)[1] is None


@pytest.mark.parametrize('matrix', [[[1., 0.], [0., 1.]], [[0.]],
                                    [[0., 0.], [0., 0.]], [[0.], [1.]]])
def test_tables_that_users_write(matrix):
    """Zeros and ones, ties, one class: shares are finite and sum to one."""
    shares = plan_weights(torch.tensor(matrix))
    assert shares.isfinite().all()
    np.testing.assert_allclose(shares.sum(0), 1)


def test_equal_class_lists_give_the_source_head_back():
    cost = 1 - torch.eye(4)
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    found, _ = transported(weight, None, plan_weights(cost, 0.01))
    torch.testing.assert_close(found, weight - weight.mean(0))


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


def test_heads_that_differ_in_more_than_classes_are_refused():
    source = _head('StackedLinearClsHead', 7)
    head = _head('StackedLinearClsHead', 3, mid_channels=[5, 4])
    with pytest.raises(ValueError, match='layers.1.fc'):
        carry_over(source, head, plan_weights(torch.rand(7, 3)))
    with pytest.raises(ValueError, match=r'differ in .*layers\.0\.norm'):
        carry_over(source, _head('StackedLinearClsHead', 3, norm_cfg=None),
                   plan_weights(torch.rand(7, 3)))
    with pytest.raises(ValueError, match='LinearClsHead'):
        carry_over(source, _head('LinearClsHead', 3),
                   plan_weights(torch.rand(7, 3)))
