"""OTLoss: gradients against oracles."""
import math

import numpy as np
import ot
import pytest
import torch

from mmjtln.models import OTLoss


def random_logits(batch=3, num_source=6, num_target=4, scale=2., seed=0,
                  dtype=torch.float64):
    """Source and target logits and a cost matrix."""
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(
        batch, num_source, generator=generator, dtype=torch.float64)
    target = torch.randn(
        batch, num_target, generator=generator, dtype=torch.float64)
    cost = torch.rand(
        num_source, num_target, generator=generator, dtype=torch.float64)
    return (scale * source).to(dtype), (scale * target).to(dtype), cost


def central_differences(function, at, step=1e-4):
    """Gradient of a scalar function, fourth order in the step."""
    gradient = torch.zeros_like(at)
    for index in np.ndindex(*at.shape):
        values = []
        for times in (-2, -1, 1, 2):
            moved = at.clone()
            moved[index] += times * step
            values.append(function(moved).item())
        gradient[index] = (
            values[0] - 8 * values[1] + 8 * values[2] -
            values[3]) / (12 * step)
    return gradient


def relative_error(ours, theirs):
    """Norm of the difference over the norm."""
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize('shape', [(3, 6, 4), (2, 4, 6), (2, 1, 4)])
@pytest.mark.parametrize('reg', [10., 0.1, 0.01])
def test_gradients_are_those_of_central_differences(shape, reg):
    """Both marginals' gradients are right to 1e-6 in float64."""
    source, target, cost = random_logits(*shape)
    loss = OTLoss(reg, 20000, 1e-13, grad_to='both', cost=cost)
    source.requires_grad_(), target.requires_grad_()
    value = loss(source, target)
    assert value.dtype == torch.float64
    value.backward()
    for logits, function in (
        (source, lambda x: loss(x, target.detach())),
        (target, lambda x: loss(source.detach(), x))):
        expected = central_differences(function, logits.detach())
        if logits.shape[1] == 1:
            assert logits.grad.abs().max() < 1e-9
        else:
            assert relative_error(logits.grad, expected) < 1e-6


def test_gradients_are_those_of_pot():
    """POT's autodiff through its iterations gives the same gradients."""
    source, target, cost = random_logits()
    source.requires_grad_(), target.requires_grad_()
    # The same float32 cost for both.
    loss = OTLoss(0.1, tol=1e-12, grad_to='both', cost=cost)
    (3 * loss(source, target)).backward()
    ours = source.grad.clone(), target.grad.clone()
    source.grad = target.grad = None
    cost = loss.cost.double()
    ot.batch.solve_batch(
        cost.expand(3, -1, -1),
        0.1,
        source.softmax(1),
        target.softmax(1),
        max_iter=2000,
        tol=1e-12,
        method='log_sinkhorn',
        reg_type='entropy',
        grad='autodiff').value.sum().backward()
    assert relative_error(ours[0], source.grad) < 1e-6
    assert relative_error(ours[1], target.grad) < 1e-6


def test_value_is_the_entropic_objective():
    """The loss is <G, C> - reg H(G) of POT's plan, entropy with its -1."""
    source, target, cost = random_logits(batch=1)
    loss = OTLoss(0.1, tol=1e-12, cost=cost)
    cost = loss.cost.double().numpy()
    plan = ot.sinkhorn(
        source.softmax(1)[0].numpy(),
        target.softmax(1)[0].numpy(),
        cost,
        0.1,
        method='sinkhorn_log',
        numItermax=10000,
        stopThr=1e-12)
    expected = (plan * cost).sum() + 0.1 * (plan * (np.log(plan) - 1)).sum()
    assert loss(source, target).item() == pytest.approx(expected, rel=1e-8)


def test_transport_gives_the_plans_of_the_loss():
    """Their marginals are the predictions; their values are the loss."""
    source, target, cost = random_logits()
    loss = OTLoss(cost=cost, tol=1e-10)
    result = loss.transport(source.requires_grad_(), target)
    plans = torch.stack([result.plan(i) for i in range(3)])
    assert not plans.requires_grad
    torch.testing.assert_close(plans.sum(2), source.softmax(1))
    torch.testing.assert_close(plans.sum(1), target.softmax(1))
    torch.testing.assert_close(result.mean_plan(), plans.mean(0))
    value = result.transport_cost() + loss.reg * (
        plans * (plans.log() - 1)).sum((1, 2))
    torch.testing.assert_close(value.mean(), loss(source, target).detach())


@pytest.mark.parametrize('grad_to', ['source', 'target', 'both'])
def test_gradient_reaches_the_sides_named(grad_to):
    """The other side's logits get none at all."""
    source, target, cost = random_logits()
    source.requires_grad_(), target.requires_grad_()
    OTLoss(cost=cost, grad_to=grad_to)(source, target).backward()
    assert (source.grad is not None) == (grad_to != 'target')
    assert (target.grad is not None) == (grad_to != 'source')
    if grad_to == 'both':
        assert source.grad.abs().max() > 0 and target.grad.abs().max() > 0


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_labels_as_log_one_hot(dtype):
    """A label given as log one-hot is a point mass; no NaN anywhere."""
    source, target, cost = random_logits(dtype=dtype)
    labels = torch.tensor([1, 0, 3])
    one_hot = torch.full_like(target, -math.inf)
    one_hot[torch.arange(3), labels] = 0
    one_hot.requires_grad_(), source.requires_grad_()
    loss = OTLoss(cost=cost, reg=0.1, grad_to='both')
    value, log = loss.loss_and_log(source, one_hot)
    value.backward()
    p = source.detach().softmax(1)
    expected = (p * loss.cost.t()[labels].to(dtype)).sum(1).mean()
    torch.testing.assert_close(log['ot_cost'], expected, rtol=1e-4, atol=1e-5)
    assert source.grad.isfinite().all() and source.grad.abs().max() > 0
    assert (one_hot.grad.abs() < 1e-6).all()
    torch.testing.assert_close(
        loss(source, one_hot.detach().clamp(min=-1e4)), value)


@pytest.mark.parametrize('relax', [None, 0.5, dict(source=0.3)])
def test_labels_need_no_solver(relax, monkeypatch):
    """Labels as integers: the value and gradient of their logarithm."""
    source, _, cost = random_logits(dtype=torch.float32)
    labels = torch.tensor([1, 0, 3])
    one_hot = torch.nn.functional.one_hot(labels, 4).float().log()
    source.requires_grad_()
    loss = OTLoss(cost=cost, tol=1e-6, relax=relax)
    expected, log = loss.loss_and_log(source, one_hot)
    expected.backward()
    gradient, source.grad = source.grad, None
    monkeypatch.setattr('mmjtln.models.ot_loss.entropic_value', None)
    value, closed = loss.loss_and_log(source, labels)
    value.backward()
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(source.grad, gradient, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(closed['ot_cost'], log['ot_cost'].float(),
                               rtol=1e-4, atol=1e-5)
    assert closed['ot_error'] == 0


def test_source_labels():
    """On the source side likewise, the gradient going to the target."""
    _, target, cost = random_logits()
    labels = torch.tensor([5, 0, 2])
    one_hot = torch.nn.functional.one_hot(labels, 6).double().log()
    target.requires_grad_()
    loss = OTLoss(cost=cost, tol=1e-10, grad_to='target')
    ours = torch.autograd.grad(loss(labels, target), target)[0]
    theirs = torch.autograd.grad(loss(one_hot, target), target)[0]
    torch.testing.assert_close(ours, theirs)
    with pytest.raises(ValueError, match='labels for both'):
        loss(labels, labels)
    with pytest.raises(RuntimeError, match='must be set'):
        OTLoss(num_source_classes=6, num_target_classes=4)(labels, target)


def test_relaxed_loss_is_that_of_pot():
    """The unbalanced objective of POT's plan."""
    source, target, cost = random_logits(batch=1)
    loss = OTLoss(0.1, tol=1e-10, cost=cost, relax=dict(source=0.3, target=2))
    cost = loss.cost.double().numpy()
    p, q = (x.softmax(1)[0].numpy() for x in (source, target))
    plan = ot.unbalanced.sinkhorn_unbalanced(
        p, q, cost, 0.1, (0.3, 2.), reg_type='entropy', numItermax=10000,
        stopThr=1e-13)

    def kl(a, b):
        return (a * np.log(a / b) - a + b).sum()

    expected = ((plan * cost).sum() + 0.1 *
                (plan * (np.log(plan) - 1)).sum() +
                0.3 * kl(plan.sum(1), p) + 2 * kl(plan.sum(0), q))
    assert loss(source, target).item() == pytest.approx(expected, rel=1e-8)


def test_least_is_the_soft_pseudo_label():
    """With q free and p a label, W is least at softmax(-C_i / reg)."""
    _, _, cost = random_logits()
    loss = OTLoss(reg=0.2, cost=cost, grad_to='both', tol=1e-10)
    source = torch.full((1, 6), -math.inf, dtype=torch.float64)
    source[0, 2] = 0
    target = (-loss.cost[2:3].double() / 0.2).requires_grad_()
    loss(source, target).backward()
    assert target.grad.abs().max() < 1e-9


def test_bf16_autocast():
    """Under autocast it computes in float32, on bf16 logits too."""
    source, target, cost = random_logits(dtype=torch.bfloat16)
    loss = OTLoss(cost=cost)
    expected = loss(source.float(), target.float())
    source.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(source, target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=0, atol=0)
    value.backward()
    assert source.grad.dtype == torch.bfloat16


def test_what_is_kept_for_backward():
    """Nothing of the iterations or of the plans: O(B (L_s + L_t))."""
    batch, num_source, num_target = 30, 40, 20
    source, target, cost = random_logits(batch, num_source, num_target,
                                         dtype=torch.float32)
    source.requires_grad_(), target.requires_grad_()
    saved = {}

    def pack(tensor):
        saved[tensor.data_ptr()] = tensor.numel()
        return tensor

    loss = OTLoss(cost=cost, grad_to='both')
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        value = loss(source, target)
    # One array for each side, and in torch 2.1 the values themselves.
    assert batch * (num_source + num_target) <= sum(
        saved.values()) <= batch * (num_source + num_target + 1)
    value.backward()
    for grad_to, classes in dict(source=num_source, target=num_target).items():
        saved.clear()
        loss.grad_to = grad_to
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            loss(source, target)
        assert batch * classes <= sum(saved.values()) <= batch * (classes + 1)


def test_second_derivatives_are_refused():
    """The potentials' own derivatives are not known: an error, not zero."""
    source, target, cost = random_logits()
    source.requires_grad_()
    value = OTLoss(cost=cost)(source, target)
    with pytest.raises(RuntimeError, match='differentiated once only'):
        torch.autograd.grad(value, source, create_graph=True)


def test_log_for_training():
    """Scalars without gradient, none of them summed as a loss."""
    source, target, cost = random_logits(dtype=torch.float32)
    source.requires_grad_()
    loss = OTLoss(cost=cost, tol=1e-4)
    value, log = loss.loss_and_log(source, target)
    torch.testing.assert_close(value, loss(source, target))
    assert set(log) == {'ot_cost', 'ot_error'}
    for name, scalar in log.items():
        assert 'loss' not in name
        assert scalar.dim() == 0 and not scalar.requires_grad
    assert 0 <= log['ot_cost'] <= cost.max()
    assert 0 <= log['ot_error'] <= 1e-4


def test_stopping_early_is_logged_once(monkeypatch):
    """One warning that names the error, tol, max_iter and the remedy."""
    messages = []
    monkeypatch.setattr('mmjtln.models.ot_loss.print_log',
                        lambda message, **_: messages.append(message))
    source, target, cost = random_logits(scale=5.)
    loss = OTLoss(0.01, max_iter=2, tol=1e-8, cost=cost)
    for _ in range(3):
        assert loss(source, target).isfinite()
    message, = messages
    assert 'max_iter=2' in message and 'tol=1e-08' in message
    assert 'marginal error' in message and 'raise max_iter' in message


@pytest.mark.parametrize('entry', [-1., float('inf')])
def test_a_wrong_cost_is_refused_with_labels_as_with_predictions(entry):
    """No solver looks at it there, and a loss would come out all the same."""
    source, target, cost = random_logits()
    cost = cost.clone()
    cost[0, 0] = entry
    loss = OTLoss(cost=cost)
    for marginal in (target, target.argmax(1)):
        with pytest.raises(ValueError, match='finite and non-negative'):
            loss(source, marginal)
    loss.set_cost(cost.clamp(0, 1))
    assert loss(source, target.argmax(1)).isfinite()
    loss.set_cost(cost)
    with pytest.raises(ValueError, match='finite and non-negative'):
        loss(source, target.argmax(1))


def test_nan_logits_give_a_nan_loss():
    """NaN is passed on, as by any loss, for the scaler to see."""
    source, target, cost = random_logits(dtype=torch.float32)
    source[1, 2] = math.nan
    assert OTLoss(cost=cost, max_iter=10)(source, target).isnan()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_cuda():
    """Loss and gradient on a GPU are those on the CPU."""
    source, target, cost = random_logits(dtype=torch.float32)
    loss = OTLoss(cost=cost)
    source.requires_grad_()
    loss(source, target).backward()
    on_gpu = source.detach().cuda().requires_grad_()
    loss.cuda()(on_gpu, target.cuda()).backward()
    torch.testing.assert_close(on_gpu.grad.cpu(), source.grad, rtol=1e-3,
                               atol=1e-5)


def test_a_label_that_is_no_class_is_refused():
    """-1 is not the last class."""
    loss = OTLoss(cost=torch.rand(4, 3))
    with pytest.raises(IndexError):
        loss(torch.randn(2, 4), torch.tensor([0, -1]))
