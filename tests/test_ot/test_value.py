"""With a label as marginal: the closed form is what the solver finds."""
import inspect
import math

import pytest
import torch

from mmjtln.ot import KernelCache, entropic_value, label_value, sinkhorn

from .problems import random_problem

INF = math.inf


@pytest.mark.parametrize('taus', [
    (INF, INF), (0.3, INF), (INF, 0.4), (0.3, 0.4), (30., INF), (1e-3, INF),
    (0., INF), (0., 0.), (0.2, 0.),
])
@pytest.mark.parametrize('side', ['source', 'target'])
def test_value_and_gradient_are_the_solvers(taus, side):
    """Whichever side is relaxed, and whichever is the label."""
    logits, _, cost = random_problem(4, 5, 6, scale=2.)
    labels = torch.tensor([1, 5, 0, 1])
    one_hot = torch.full((4, 6), -INF, dtype=torch.float64)
    one_hot[torch.arange(4), labels] = 0
    marginals = logits.requires_grad_(), one_hot
    relax = dict(source=taus[0], target=taus[1])
    if side == 'source':
        marginals, cost, taus = marginals[::-1], cost.t(), taus[::-1]
        relax = dict(source=taus[0], target=taus[1])
    expected, result = entropic_value(*marginals, cost, 0.1, tol=1e-11,
                                      relax=relax)
    value, transport = label_value(logits, labels, cost, 0.1, relax, side)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(transport, result.transport_cost())
    weights = torch.tensor([1., 2., 3., 4.])
    ours, theirs = (
        torch.autograd.grad((weights * v).sum(), logits, allow_unused=True)[0]
        for v in (value, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('relax', [None, 0.3])
def test_values_have_the_type_of_the_logits(relax):
    """Whatever that of the cost is."""
    source, target, cost = random_problem(4, 5, 6)
    source, target = source.float().requires_grad_(), target.float()
    value, _ = entropic_value(source, target, cost, 0.1, relax=relax)
    labelled, transport = label_value(
        source, torch.tensor([1, 5, 0, 1]), cost, 0.1, relax)
    assert {value.dtype, labelled.dtype, transport.dtype} == {torch.float32}
    assert torch.autograd.grad(value.sum(), source)[0].dtype == torch.float32


def test_options_are_those_of_the_solver():
    """Their defaults too; a cache is kept, and what is to be read is read."""
    theirs = inspect.signature(sinkhorn).parameters
    for name, ours in inspect.signature(entropic_value).parameters.items():
        if not name.endswith('_logits'):
            assert ours.default == theirs[name].default
    source, target, cost = random_problem(4, 5, 6)
    cache, finite = KernelCache(), []
    for also in (None, torch.tensor(1.), torch.tensor(math.nan)):
        held = cache.held
        _, result = entropic_value(source, target, cost, 0.1, cache=cache,
                                   also=also)
        assert cache.held is not None and held in (None, cache.held)
        finite.append(result.also_finite)
    assert finite == [False, True, False]


@pytest.mark.parametrize('tau', [0., 1e-3, 0.3])
def test_relaxed_form_where_mass_is_tiny_or_none(tau):
    """It is that of exact numbers, and a class of no mass might be away."""
    logits = torch.tensor([[0., -200, 1, -INF]], dtype=torch.float64)
    cost = torch.tensor([[.7], [.2], [.9], [.1]], dtype=torch.float64)
    label, relax, reg = torch.tensor([0]), dict(source=tau), 0.1
    value, transport = label_value(logits, label, cost, reg, relax)
    log_p = logits[:, :3].log_softmax(1)
    scores = (tau * log_p - cost.t()[:, :3]) / (tau + reg)
    torch.testing.assert_close(
        value, -(tau + reg) * scores.logsumexp(1) - reg)
    torch.testing.assert_close(
        transport, scores.softmax(1) @ cost[:3, 0])


def test_hard_form_is_reverse_kl_to_a_soft_label():
    """W = reg KL(p | softmax(-C_y / reg)) + a constant of the label."""
    logits, _, cost = random_problem(4, 5, 6)
    labels = torch.tensor([1, 5, 0, 1])
    value, _ = label_value(logits, labels, cost, 0.2)
    log_soft = (-cost.t()[labels] / 0.2).log_softmax(1)
    log_p = logits.log_softmax(1)
    divergence = (log_p.exp() * (log_p - log_soft)).sum(1)
    constant = -0.2 * (-cost.t()[labels] / 0.2).logsumexp(1) - 0.2
    torch.testing.assert_close(value, 0.2 * divergence + constant)


def test_relaxed_form_as_it_is_written():
    """-(tau + reg) log sum p^(tau/(tau+reg)) exp(-C/(tau+reg)) - reg."""
    logits, _, cost = random_problem(2, 5, 6)
    p, tau, reg = logits.softmax(1), 0.3, 0.1
    value, _ = label_value(logits, torch.tensor([2, 4]), cost, reg,
                           dict(source=tau))
    expected = -(tau + reg) * (p**(tau / (tau + reg)) * torch.exp(
        -cost.t()[[2, 4]] / (tau + reg))).sum(1).log() - reg
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize('relax', [None, 0.3])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_extreme_logits(relax, dtype):
    """Zero mass and logits 1e5 apart: finite, gradient and all."""
    logits = torch.tensor([[-INF, 0., 1.], [1e5, -1e5, 0.]], dtype=dtype,
                          requires_grad=True)
    cost = torch.rand(3, 2, dtype=dtype)
    value, transport = label_value(logits, torch.tensor([1, 0]), cost, 0.1,
                                   relax)
    value.sum().backward()
    assert value.isfinite().all() and transport.isfinite().all()
    assert logits.grad.isfinite().all()


def test_the_label_is_of_one_of_two_sides():
    """What is no side is not taken for the target."""
    problem = torch.zeros(1, 2), torch.tensor([1]), torch.rand(2, 2), 0.1
    with pytest.raises(ValueError, match='label_side'):
        label_value(*problem, label_side='sources')
    torch.testing.assert_close(
        label_value(*problem), label_value(*problem, None, 'target'))


@pytest.mark.parametrize('side, label', [
    ('target', -1), ('target', 3), ('source', -1), ('source', 2)])
def test_a_label_that_is_no_class_is_an_error(side, label):
    """Not the last class, as in brackets."""
    shape = (1, 2) if side == 'target' else (1, 3)
    with pytest.raises(IndexError, match='out of'):
        label_value(torch.zeros(shape), torch.tensor([label]),
                    torch.rand(2, 3), 0.1, label_side=side)
