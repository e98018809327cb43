"""Relaxed marginals against POT, finite differences and closed forms."""
import math

import numpy as np
import ot
import pytest
import torch

from mmjtln.ot import entropic_value, sinkhorn

from .problems import random_problem

INF = math.inf
TAUS = [(1., 1.), (0.1, 0.5), (INF, 0.3), (0.3, INF), (20., INF), (30., 50.)]


def penalty(mass, marginal, tau):
    """Return tau KL(mass | marginal), nothing for a constraint."""
    if tau == INF:
        return 0.
    return tau * (mass * (mass / marginal).log() - mass + marginal).sum()


def primal(plan, p, q, cost, reg, taus):
    """The objective, written out."""
    return ((plan * cost).sum() + reg * (plan * (plan.log() - 1)).sum() +
            penalty(plan.sum(1), p, taus[0]) +
            penalty(plan.sum(0), q, taus[1]))


@pytest.mark.parametrize('taus', TAUS)
@pytest.mark.parametrize('shape', [(5, 3), (3, 5)])
def test_plans_are_those_of_pot(taus, shape):
    """POT's unbalanced plan; the value is the objective there."""
    log_p, log_q, cost = random_problem(2, *shape, scale=1.5)
    cost = cost + 0.3
    relax = dict(source=taus[0], target=taus[1])
    result = sinkhorn(log_p, log_q, cost, 0.1, tol=1e-11, relax=relax)
    assert result.converged
    values, _ = entropic_value(log_p, log_q, cost, 0.1, tol=1e-11,
                               relax=relax)
    for index in range(2):
        p, q = log_p[index].exp(), log_q[index].exp()
        expected = ot.unbalanced.sinkhorn_unbalanced(
            p.numpy(), q.numpy(), cost.numpy(), 0.1, taus,
            reg_type='entropy', numItermax=20000, stopThr=1e-13)
        plan = result.plan(index)
        np.testing.assert_allclose(plan, expected, atol=1e-9)
        torch.testing.assert_close(result.mass[index], plan.sum())
        torch.testing.assert_close(
            values[index], primal(plan, p, q, cost, 0.1, taus))
        torch.testing.assert_close(
            plan,
            ((result.f[index][:, None] + result.g[index] - cost) / 0.1).exp())


@pytest.mark.parametrize('taus', TAUS)
def test_gradients_are_those_of_finite_differences(taus):
    """For both sides' logits, in float64."""
    source, target, cost = random_problem(1, 4, 3, scale=1.5)
    relax = dict(source=taus[0], target=taus[1])

    def value(source, target):
        return entropic_value(source, target, cost, 0.1, tol=1e-12,
                              relax=relax)[0].sum()

    assert torch.autograd.gradcheck(
        value, (source.requires_grad_(), target.requires_grad_()), eps=1e-5,
        atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize('reg', [0.02, 0.1, 1.])
def test_nothing_asked_of_the_source_is_a_softmax(reg):
    """With tau = 0 each target class takes from softmax(-C_j / reg)."""
    log_p, log_q, cost = random_problem(2, 6, 4)
    zero = sinkhorn(log_p, log_q, cost, reg, relax=dict(source=0))
    for index in range(2):
        torch.testing.assert_close(
            zero.plan(index),
            (-cost / reg).softmax(0) * log_q[index].exp())
    near = sinkhorn(log_p, log_q, cost, reg, relax=dict(source=1e-9))
    torch.testing.assert_close(near.mean_plan(), zero.mean_plan(), rtol=0,
                               atol=1e-6)


@pytest.mark.parametrize('tau', [0., 1e-6, 0.3, 100.])
def test_no_mass_is_no_mass(tau):
    """A class without mass gets none, however weak its constraint."""
    log_p, log_q, cost = random_problem(2, 6, 4)
    log_p[:, 2] = -INF
    log_p = log_p.log_softmax(1)
    result = sinkhorn(log_p, log_q, cost, 0.1, relax=dict(source=tau))
    for tensor in (result.f, result.g, result.mean_plan()):
        assert tensor.isfinite().all()
    assert (result.mean_plan()[2] == 0).all()
    torch.testing.assert_close(result.mean_plan().sum(0),
                               log_q.exp().mean(0), rtol=1e-3, atol=1e-4)
    value, _ = entropic_value(log_p, log_q, cost, 0.1,
                              relax=dict(source=tau))
    assert value.isfinite().all()


def test_large_tau_tends_to_the_constraint():
    """Value and plan come nearer as 1 / tau; None is the limit."""
    log_p, log_q, cost = random_problem(3, 6, 4)
    hard, result = entropic_value(log_p, log_q, cost, 0.1, tol=1e-9)
    gaps = []
    for tau in (10., 1e2, 1e3, 1e6):
        value, soft = entropic_value(log_p, log_q, cost, 0.1, tol=1e-9,
                                     relax=tau)
        assert soft.converged
        gaps.append((hard - value).abs().max().item())
    assert gaps[1] < gaps[0] / 5 and gaps[2] < gaps[1] / 5
    torch.testing.assert_close(soft.plan(1), result.plan(1), rtol=0,
                               atol=1e-5)
    limit = sinkhorn(log_p, log_q, cost, 0.1, tol=1e-9,
                     relax=dict(source=INF, target=None))
    torch.testing.assert_close(limit.f, result.f)


def test_unrelated_class_need_not_send():
    """What relaxing the source is for: mass with nowhere to go stays."""
    log_p = torch.tensor([[0.5, 0.3, 0.2]]).log()
    log_q = torch.tensor([[0.5, 0.5]]).log()
    cost = torch.tensor([[0., 1.], [1., 0.], [9., 9.]])
    hard = sinkhorn(log_p, log_q, cost, 0.1)
    soft = sinkhorn(log_p, log_q, cost, 0.1, relax=dict(source=1.))
    assert hard.plan(0)[2].sum() > 0.19
    assert soft.plan(0)[2].sum() < 1e-3
    torch.testing.assert_close(
        soft.plan(0).sum(0).float(), log_q[0].exp(), rtol=1e-3, atol=0)


@pytest.mark.parametrize('kappa', [0.5, 0.97])
def test_every_form_agrees(kappa, monkeypatch):
    """float32, float64 and log-sum-exp give the same plans."""
    log_p, log_q, cost = random_problem(3, 8, 5, scale=3.)
    options = dict(reg=0.1, tol=1e-5, relax=0.1 * kappa / (1 - kappa))
    single = sinkhorn(log_p.float(), log_q.float(), cost.float(), **options)
    double = sinkhorn(log_p, log_q, cost, **options)
    monkeypatch.setattr('mmjtln.ot.kernel.MAX_RANGE_DENSE', 0.)
    logs = sinkhorn(log_p, log_q, cost, **options)
    for other in (single, logs):
        torch.testing.assert_close(other.mean_plan().double(),
                                   double.mean_plan(), rtol=0, atol=1e-4)


@pytest.mark.parametrize('relax, text', [
    (-1., '`relax` .* must be a number in .*got -1.0'),
    (math.nan, '`relax` .* must be a number in .*got nan'),
    ('1', "`relax` .* must be a number in .*got '1'"),
    (True, '`relax` .* must be a number in .*got True'),
    (dict(source=[1]), r'\(source\) must be a number in .*got \[1\]'),
    (dict(sources=1.), "must be one of source, target, got 'sources'"),
])
def test_bad_relax_gets_one_clear_error(relax, text):
    """The rule, and what was received."""
    with pytest.raises(ValueError, match=text):
        sinkhorn(*random_problem(2, 3, 4), 0.1, relax=relax)
