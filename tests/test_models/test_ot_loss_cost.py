"""The cost matrix of OTLoss as state, and averaging."""
import copy

import numpy as np
import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from torch import nn

from mmjtln.costs import CostMatrix
from mmjtln.models import OTLoss
from mmjtln.registry import MODELS

NAMES = ('cat', 'dog', 'Zürich', '猫', 'a "b"')


def build(**kwargs):
    """An OTLoss of 5 by 3 classes, from a config."""
    return MODELS.build(
        dict(type='OTLoss', **{
            **dict(num_source_classes=5, num_target_classes=3), **kwargs}))


def test_cost_can_be_set_later():
    """Until then it is unset and says how to set it."""
    loss = build()
    assert not loss.has_cost and loss.cost.isnan().all()
    with pytest.raises(RuntimeError, match=r'must be set.*set_cost'):
        loss(torch.zeros(2, 5), torch.zeros(2, 3))
    buffer = loss.cost
    with pytest.raises(RuntimeError, match=r'must be set.*set_cost'):
        loss.transport(torch.zeros(2, 5), torch.zeros(2, 3))
    loss.set_cost(CostMatrix(np.eye(5, 3), NAMES, NAMES[:3]))
    assert loss.has_cost and loss.cost is buffer
    np.testing.assert_array_equal(loss.cost, np.eye(5, 3))
    assert loss(torch.zeros(2, 5), torch.zeros(2, 3)).isfinite()
    loss.set_cost(torch.ones(5, 3))
    assert (loss.cost == 1).all()


def test_state_goes_through_a_file(tmp_path):
    """The cost travels in a weights-only checkpoint, and nothing else."""
    loss = build(cost=torch.rand(5, 3))
    assert set(loss.state_dict()) == {'cost'}
    torch.save(loss.state_dict(), tmp_path / 'loss.pth')
    other = build()
    other.load_state_dict(
        torch.load(tmp_path / 'loss.pth', weights_only=True))
    assert torch.equal(other.cost, loss.cost)


def test_a_cost_of_another_shape_does_not_load():
    """Both shapes are named, whatever the loader does with strictness."""
    state = nn.ModuleDict(dict(ot_loss=build(cost=torch.rand(5, 3))))
    other = nn.ModuleDict(dict(ot_loss=OTLoss(
        num_source_classes=4, num_target_classes=3)))
    for strict in (True, False):
        with pytest.raises(ValueError,
                           match=r'ot_loss\.cost.*\(4, 3\), got \(5, 3\)'):
            other.load_state_dict(state.state_dict(), strict=strict)


@pytest.mark.parametrize('update_buffers', [False, True])
@pytest.mark.parametrize('when', ['before', 'after'])
def test_averaged_models(update_buffers, when):
    """EMA carries the cost, set before or after it is made."""
    model = nn.Sequential(nn.Linear(2, 2), build())
    given = torch.rand(5, 3)
    if when == 'before':
        model[1].set_cost(given)
    ema = ExponentialMovingAverage(
        model, momentum=0.1, update_buffers=update_buffers)
    if when == 'after':
        model[1].set_cost(given)
    for _ in range(3):
        with torch.no_grad():
            model[0].weight.add_(1)
        ema.update_parameters(model)
    averaged = ema.module[1]
    torch.testing.assert_close(averaged.cost, given)
    averaged(torch.zeros(2, 5), torch.zeros(2, 3))
    copy.deepcopy(model).load_state_dict(ema.module.state_dict())


CHANGES = {
    'set_cost': lambda loss, cost: loss.set_cost(cost),
    'in place': lambda loss, cost: loss.cost.copy_(cost),
    'past the version counter': lambda loss, cost: loss.cost.data.copy_(cost),
    'one row': lambda loss, cost: loss.cost.data[1].copy_(cost[1]),
    'state dict': lambda loss, cost: loss.load_state_dict(dict(cost=cost)),
    'new buffer': lambda loss, cost: setattr(loss, 'cost', cost.clone()),
    'other strides': lambda loss, cost: setattr(
        loss, 'cost', cost.t().contiguous().t()),
    'double': lambda loss, cost: loss.double().cost.copy_(cost),
    'device and back': lambda loss, cost: loss.to('meta').to_empty(
        device='cpu').cost.copy_(cost),
    'reg': lambda loss, cost: setattr(loss, 'reg', 0.3),
    'tol': lambda loss, cost: setattr(loss, 'tol', 1e-9),
}


def solved(loss):
    """Value and gradient for fixed logits."""
    generator = torch.Generator().manual_seed(1)
    source, target = (torch.randn(4, count, generator=generator)
                      for count in (5, 3))
    source.requires_grad_()
    value = loss(source, target)
    return value.detach(), torch.autograd.grad(value, source)[0]


@pytest.mark.parametrize('change', CHANGES)
@pytest.mark.parametrize('copied', [False, True])
def test_no_kernel_of_an_old_cost(change, copied):
    """Whatever changes the cost, the loss is that of a new OTLoss."""
    loss = build(cost=torch.rand(5, 3))
    solved(loss)
    if copied:
        loss = copy.deepcopy(loss)
        solved(loss)
    CHANGES[change](loss, torch.rand(5, 3))
    new = build(cost=loss.cost, reg=loss.reg, tol=loss.tol).to(loss.cost)
    for _ in range(2):
        for ours, theirs in zip(solved(loss), solved(new), strict=True):
            assert torch.equal(ours, theirs)


def test_a_kernel_is_not_shared_by_copies():
    """A copy and its original may get different costs."""
    loss = build(cost=torch.rand(5, 3))
    before = solved(loss)[0]
    other = copy.deepcopy(loss)
    other.set_cost(torch.rand(5, 3))
    assert solved(other)[0] != before and solved(loss)[0] == before


def test_an_averaged_model_follows_its_cost():
    """EMA writes buffers past the version counter."""
    model = nn.Sequential(nn.Linear(2, 2), build(cost=torch.rand(5, 3)))
    ema = ExponentialMovingAverage(model)
    solved(ema.module[1])
    model[1].set_cost(torch.rand(5, 3))
    ema.update_parameters(model)
    assert torch.equal(solved(ema.module[1])[0], solved(model[1])[0])


def test_a_cost_that_turns_bad_is_refused():
    """Also after a good one has been solved with."""
    loss = build(cost=torch.rand(5, 3))
    solved(loss)
    loss.cost.data[0, 0] = -1
    with pytest.raises(ValueError, match='finite and non-negative'):
        solved(loss)
    loss.cost.data[0, 0] = float('nan')
    with pytest.raises(RuntimeError, match='must be set'):
        solved(loss)


def test_a_kernel_made_without_gradients_serves_training():
    """Inference mode makes tensors that autograd refuses."""
    loss = build(cost=torch.rand(5, 3))
    with torch.inference_mode():
        loss.transport(torch.zeros(2, 5), torch.zeros(2, 3))
    assert all(part.isfinite().all() for part in solved(loss))
