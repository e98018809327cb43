"""Solved whatever the cost matrix, with an honest error and gradient.

The costs are those that people write by hand: blocks, zeros and ones, ties;
where equal entries leave directions in which the dual is nearly flat.
"""
import numpy as np
import pytest
import torch

from mmjtln.ot import entropic_value, sinkhorn

from .problems import (
    COSTS,
    cost_of,
    error_of_potentials,
    plain_iterations,
    pot_plan,
    reference,
)


def logits(batch, classes, spread, generator):
    """Log marginals, float64."""
    return (spread * torch.randn(
        batch, classes, generator=generator,
        dtype=torch.float64)).log_softmax(1)


GROUPS = torch.arange(10) // 5
BLOCKS = (GROUPS[:, None] != GROUPS).double()
# Classes against shares of a probability, configs/_base_/costs/elpv.csv.
SHARES = torch.tensor([[0, 1], [1 / 3, 2 / 3], [2 / 3, 1 / 3], [1, 0]])


@pytest.mark.parametrize('cost, spread, reg, batch', [
    (BLOCKS, 3., 0.1, 64), (BLOCKS, 8., 0.1, 64), (BLOCKS, 0.3, 0.1, 64),
    (1 - torch.eye(2), 0.3, 0.1, 256), (SHARES, 0.3, 0.1, 256),
    (SHARES, 1., 0.05, 256),
])
def test_no_more_iterations_than_plain(cost, spread, reg, batch):
    """At the defaults, fewer than the plain iteration takes in float64."""
    generator = torch.Generator().manual_seed(0)
    log_p, log_q = (logits(batch, classes, spread, generator).float()
                    for classes in cost.shape)
    cost = cost.float()
    result = sinkhorn(log_p, log_q, cost, reg)
    error = error_of_potentials(result, log_p, log_q, cost, reg)
    assert result.converged and (error <= 1.01e-4).all()
    assert result.iterations <= plain_iterations(
        log_p, log_q, cost, reg, 1e-4, result.iterations)


def test_potentials_do_not_run_away():
    """A cost on which unguarded acceleration drifts along the constant."""
    log_p = torch.tensor([[.4943, .5057]]).log().log_softmax(1)
    log_q = torch.tensor([[.3905, .6095]]).log().log_softmax(1)
    cost = torch.tensor([[.5588, .0292], [.5532, 16.2138]])
    result = sinkhorn(log_p, log_q, cost, .92671, tol=1e-6)
    assert result.converged and result.iterations <= 100
    assert result.f.abs().max() < 20 and result.g.abs().max() < 20
    assert error_of_potentials(
        result, log_p, log_q, cost, .92671).item() < 1e-6


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_gradient_where_the_marginals_say_little(dtype):
    """The marginals are met at once, and only Newton's step moves f."""
    flat = torch.zeros(1, 2, dtype=dtype).log_softmax(1)
    cost = torch.tensor([[0, 1], [1, .3]], dtype=dtype)
    result = sinkhorn(flat, flat, cost, 0.05)
    # Its two diagonal entries are alike, and so are the two others: hence
    # f_1 - f_2 = (C_11 - C_22 + C_12 - C_21) / 2.
    torch.testing.assert_close(
        0.5 * result.f, torch.tensor([[-.0375, .0375]]).double(), rtol=0,
        atol=1e-5)


@pytest.mark.parametrize('cost', [
    [[0, 1], [1, 1]], [[0, 1], [1, .3]], [[.1, .8], [.3, .2]],
    [[0, .3], [.3, .3]]])
def test_gradient_of_flat_logits_in_closed_form(cost):
    """Right within 20 tol reg while what couples the blocks is above 1e-14.

    f_1 - f_2 as in the test above; the lesser entries of the plan are
    0.5 / (1 + exp(|C_11 + C_22 - C_12 - C_21| / (2 reg))).
    """
    (a, b), (c, d) = cost
    tried = 0
    for reg in np.arange(1, 41) / 1000:
        logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
        value, _ = entropic_value(
            logits, torch.zeros(1, 2, dtype=torch.float64),
            torch.tensor(cost, dtype=torch.float64), reg)
        value.sum().backward()
        assert logits.grad.isfinite().all()
        if 0.5 * np.exp(-abs(a + d - b - c) / (2 * reg)) > 1e-14:
            half = 0.25 * (a - d + b - c) / 2
            error = logits.grad - torch.tensor([[half, -half]])
            assert error.abs().sum() <= 20 * 1e-4 * reg, reg
            tried += 1
    assert tried >= 10


@pytest.mark.parametrize('kind', COSTS)
def test_all_are_solved(kind):
    """2,016 problems: marginals met, the error true, the gradient right.

    Sizes to 60 x 40, reg 0.01 to 10, from flat logits to labels. The error
    is recomputed from the potentials in float64; one sample of each setting
    is held against the reference, where that finds the solution.
    """
    compared = 0
    for setting in range(28):
        generator = torch.Generator().manual_seed(
            1000 * COSTS.index(kind) + setting)
        draw = torch.rand(9, generator=generator).tolist()
        shape = [1 + int(60**draw[0]), 1 + int(40**draw[1])]
        if draw[2] < 0.5:
            shape.reverse()
        dtype = torch.float32 if draw[3] < 0.7 else torch.float64
        reg, spread = 10**(3 * draw[4] - 2), 10**(2.3 * draw[5] - 1)
        cost = cost_of(kind, *shape, generator).to(dtype)
        log_p, log_q = (logits(8, n, spread, generator) for n in shape)
        if draw[6] < 0.2:
            log_p[:2] = -torch.inf
            log_p[:2, int(draw[7] * shape[0])] = 0
        result = sinkhorn(log_p.to(dtype), log_q.to(dtype), cost, reg)
        name = f'setting {setting}: {shape}, reg {reg}, spread {spread}'
        error = error_of_potentials(result, log_p, log_q, cost, reg)
        assert result.converged, name
        # What float32 rounds off the marginals themselves is not its error.
        rounding = 1e-6 if dtype == torch.float32 else 1e-7
        assert ((error - result.error).abs() <= rounding).all(), name
        sample = setting % 8
        if max(shape) > 30 or log_p[sample].isinf().any():
            continue
        found = reference(log_p[sample], log_q[sample], cost.double(), reg)
        if found is None:
            continue
        compared += 1
        for log_marginal, exact, ours in zip(
            (log_p, log_q), found, (result.f, result.g), strict=True):
            p = log_marginal[sample].exp().numpy()
            wrong = ours[sample].numpy() - exact
            # Of the gradient for the logits, in L1.
            assert np.abs(p * (wrong - p @ wrong)).sum() < 2e-3 * reg, name
    assert compared >= 10


@pytest.mark.parametrize('kind', ['block', 'zero-one', 'identity', 'tied'])
def test_plans_are_those_of_pot(kind):
    """POT's log-domain plan, where its iteration gets there."""
    generator = torch.Generator().manual_seed(3)
    cost = cost_of(kind, 6, 5, generator)
    log_p, log_q = (logits(2, n, 1.5, generator) for n in cost.shape)
    result = sinkhorn(log_p, log_q, cost, 0.2, tol=1e-10)
    for index in range(2):
        np.testing.assert_allclose(
            result.plan(index),
            pot_plan(log_p[index], log_q[index], cost, 0.2), atol=1e-8)


def test_a_hard_sample_among_easy_ones():
    """More classes than Newton's method is for: plainly on, and honest."""
    generator = torch.Generator().manual_seed(0)
    cost = cost_of('block', 520, 515, generator)
    log_p, log_q = (logits(2, n, 0.3, generator) for n in cost.shape)
    result = sinkhorn(log_p, log_q, cost, 0.1, max_iter=60)
    error = error_of_potentials(result, log_p, log_q, cost, 0.1)
    torch.testing.assert_close(error, result.error, rtol=0, atol=1e-7)
    assert result.converged == bool((error <= 1e-4).all())
    assert plain_iterations(log_p, log_q, cost, 0.1, 1e-4,
                            result.iterations) >= result.iterations
