"""The batched Sinkhorn solver against POT, and in every numeric range."""
import math

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from mmjtln.ot import sinkhorn
from mmjtln.ot.iteration import FIRST_SWEEPS
from mmjtln.ot.kernel import DenseKernel, LogKernel, reduce_cost
from tests.test_ot.problems import (
    dual_value,
    marginal_error,
    objective,
    pot_plan,
    random_problem,
)

SHAPES = [(2, 7, 4), (2, 4, 7), (3, 1, 5), (3, 5, 1), (1, 1, 1), (1, 6, 6)]


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('reg', [100., 1., 0.1, 0.02])
def test_values_and_plans_are_those_of_pot(shape, reg):
    """Plan, transport cost and value agree with POT in float64."""
    log_p, log_q, cost = random_problem(*shape, scale=2.)
    result = sinkhorn(log_p, log_q, cost, reg, 5000, 1e-11)
    assert result.converged
    values = dual_value(result, log_p, log_q, reg)
    for index in range(shape[0]):
        plan = pot_plan(log_p[index], log_q[index], cost, reg)
        np.testing.assert_allclose(result.plan(index), plan, atol=1e-8)
        np.testing.assert_allclose(
            result.transport_cost()[index], (plan * cost.numpy()).sum(),
            atol=1e-8)
        np.testing.assert_allclose(
            values[index], objective(plan, cost, reg), rtol=1e-8, atol=1e-8)


def test_float32_is_near_float64():
    """Single precision costs six digits, no more, at its widest range."""
    log_p, log_q, cost = random_problem(4, 30, 20, scale=3.)
    for reg in (10., 0.1, 0.09):
        exact = sinkhorn(log_p, log_q, cost, reg, 5000, 1e-10)
        single = sinkhorn(log_p.float(), log_q.float(), cost.float(), reg,
                          5000, 1e-5)
        assert single._log_v.dtype == torch.float32
        torch.testing.assert_close(
            dual_value(single, log_p, log_q, reg),
            dual_value(exact, log_p, log_q, reg), rtol=1e-5, atol=1e-5)


def test_small_reg_tends_to_exact_transport():
    """The transport cost falls to ot.emd2's, within reg log(L_s L_t)."""
    log_p, log_q, cost = random_problem(1, 8, 6, scale=1.5)
    exact = ot.emd2(log_p[0].exp().numpy(), log_q[0].exp().numpy(),
                    cost.numpy())
    gaps = []
    for reg in (0.1, 0.01, 0.001, 0.0001):
        result = sinkhorn(log_p, log_q, cost, reg, 20000, 1e-9)
        assert result.converged
        gaps.append(result.transport_cost().item() - exact)
        assert -1e-8 < gaps[-1] < reg * math.log(8 * 6)
    assert gaps == sorted(gaps, reverse=True)


@st.composite
def problems(draw):
    """Any shape, spread of logits, range of C / reg, and dtype."""
    batch = draw(st.integers(1, 3))
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    scale = 10**draw(st.floats(-1, 4))
    span = 10**draw(st.floats(-3, 5))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    log_p, log_q, cost = random_problem(
        batch, *shape, scale, draw(st.integers(0, 10**6)), dtype)
    if draw(st.booleans()) and shape[0] > 1:
        log_p = log_p.index_fill(1, torch.tensor(0), -math.inf)
        log_p = log_p.log_softmax(1)
    cost = cost * 10**draw(st.floats(-2, 2))
    return log_p, log_q, cost, max(cost.max().item(), 1e-6) / span


@settings(max_examples=150)
@given(problems())
def test_always_finite_and_honest(problem):
    """Nothing is ever NaN, and the reported error bounds the true one."""
    log_p, log_q, cost, reg = problem
    result = sinkhorn(log_p, log_q, cost, reg, 200, 1e-4)
    for tensor in (result.f, result.g, result.error, result.mean_plan(),
                   result.transport_cost()):
        assert tensor.isfinite().all()
    span = cost.max().item() / reg
    # One marginal is met to rounding; the inputs are rounded too. In float32
    # (a span of at most 80) a plan's exponents are rounded to 6e-8 of them.
    rounding = 5e-6 + 3e-7 * min(span, 80) + 1e-13 * span
    true = marginal_error(result, log_p, log_q)
    assert (true <= result.error.double() + rounding).all()
    assert result.converged == bool((result.error <= 1e-4).all())


@settings(max_examples=50)
@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40),
       st.floats(0.1, 30), st.integers(0, 10**6))
def test_converges_at_the_default_reg(batch, source, target, scale, seed):
    """At reg 0.1 and costs in [0, 1] every batch meets its marginals."""
    log_p, log_q, cost = random_problem(
        batch, source, target, scale, seed, torch.float32)
    result = sinkhorn(log_p, log_q, cost, 0.1)
    assert result.converged
    assert (marginal_error(result, log_p, log_q) < 1.1e-4).all()


def test_peaked_logits_are_no_special_case():
    """Logits 1e4 apart act as the point masses they are."""
    cost = random_problem(1, 5, 4)[2].float()
    source, target = torch.zeros(1, 5), torch.zeros(1, 4)
    source[0, 3], target[0, 1] = 1e4, 1e4
    result = sinkhorn(source.log_softmax(1), target.log_softmax(1), cost, 0.1)
    assert result.converged
    torch.testing.assert_close(result.transport_cost(), cost[3, 1][None])


def test_zero_mass_classes_might_as_well_be_absent():
    """Minus infinity gives the plan and value of the problem without it."""
    log_p, log_q, cost = random_problem(2, 6, 5)
    log_p[:, [0, 4]] = -math.inf
    log_q[:, 2] = -math.inf
    log_p, log_q = log_p.log_softmax(1), log_q.log_softmax(1)
    rows, columns = [1, 2, 3, 5], [0, 1, 3, 4]
    full = sinkhorn(log_p, log_q, cost, 0.1, tol=1e-12)
    part = sinkhorn(log_p[:, rows], log_q[:, columns], cost[rows][:, columns],
                    0.1, tol=1e-12)
    torch.testing.assert_close(
        full.plan(1)[rows][:, columns], part.plan(1), rtol=0, atol=1e-10)
    torch.testing.assert_close(
        dual_value(full, log_p, log_q, 0.1),
        dual_value(part, log_p[:, rows], log_q[:, columns], 0.1))
    torch.testing.assert_close(full.f[:, rows], part.f, rtol=0, atol=1e-9)
    assert (full.plan(0)[[0, 4]] == 0).all()
    assert (full.f[:, [0, 4]] < -10).all() and full.f.isfinite().all()


def test_a_point_mass_is_solved_at_once():
    """A label on one side leaves a single plan; the first look finds it."""
    log_p, log_q, cost = random_problem(4, 20, 30)
    log_p = torch.full_like(log_p, -math.inf)
    log_p[:, 7] = 0
    result = sinkhorn(log_p, log_q, cost, 0.05)
    # The last is Newton's step, that finds the potentials settled.
    assert result.iterations == FIRST_SWEEPS + 2
    torch.testing.assert_close(result.plan(2)[7], log_q[2].exp())


@pytest.mark.parametrize('span, form, dtype', [
    (1e-3, DenseKernel, torch.float32),
    (5., DenseKernel, torch.float32),
    (500., DenseKernel, torch.float64),
    (1e5, LogKernel, torch.float64),
])
def test_form_is_chosen_by_the_numbers(span, form, dtype):
    """The range of C / reg decides, once row and column minima are off."""
    log_p, log_q, cost = random_problem(2, 6, 4, dtype=torch.float32)
    rest = reduce_cost(cost)[3]
    result = sinkhorn(log_p, log_q, cost * 2, 2 * rest / span, max_iter=20)
    assert isinstance(result._prepared.kernel, form)
    assert result._log_v.dtype == dtype
    # Offsets do not matter to the form, but to the rounding.
    result = sinkhorn(log_p, log_q, cost * 2 + 1e3, 2 * rest / span,
                      max_iter=20)
    assert isinstance(result._prepared.kernel, form)
    assert result._log_v.dtype == torch.float64 or span < 1


@pytest.mark.parametrize('reg', [0.005, 0.05])
def test_all_forms_agree(reg, monkeypatch):
    """Matrix products and log-sum-exps give the same result."""
    log_p, log_q, cost = random_problem(3, 9, 6)
    dense = sinkhorn(log_p, log_q, cost, reg, 5000, 1e-11)
    assert isinstance(dense._prepared.kernel, DenseKernel)
    monkeypatch.setattr('mmjtln.ot.kernel.MAX_RANGE_DENSE', 0.)
    monkeypatch.setattr('mmjtln.ot.kernel.CHUNK_ELEMENTS', 100)
    logs = sinkhorn(log_p, log_q, cost, reg, 5000, 1e-11)
    assert isinstance(logs._prepared.kernel, LogKernel)
    for ours, theirs in ((dense.f, logs.f), (dense.g, logs.g),
                         (dense.mean_plan(), logs.mean_plan()),
                         (dense.plan(2), logs.plan(2)),
                         (dense.transport_cost(), logs.transport_cost())):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-8)


def test_plans_and_costs_belong_together():
    """Mean plan and transport costs are those of the single plans."""
    log_p, log_q, cost = random_problem(5, 6, 8)
    result = sinkhorn(log_p, log_q, cost, 0.1, tol=1e-10)
    plans = torch.stack([result.plan(index) for index in range(5)])
    torch.testing.assert_close(result.mean_plan(), plans.mean(0))
    torch.testing.assert_close(result.transport_cost(),
                               (plans * cost).sum((1, 2)))
    from_potentials = (
        (result.f[:, :, None] + result.g[:, None] - cost) / 0.1).exp()
    torch.testing.assert_close(from_potentials, plans)


@pytest.mark.parametrize('shape', [(3, 6, 8), (3, 8, 6)])
def test_source_potentials_are_centred(shape):
    """<p, f> is zero, whichever side is longer."""
    log_p, log_q, cost = random_problem(*shape)
    centre = (log_p.exp() * sinkhorn(log_p, log_q, cost, 0.1).f).sum(1)
    torch.testing.assert_close(centre, torch.zeros_like(centre))


def test_turning_the_problem_round_turns_the_result_round():
    """(q, p, C^T) gives the transposed plans, whichever side is longer."""
    log_p, log_q, cost = random_problem(3, 9, 4)
    one = sinkhorn(log_p, log_q, cost, 0.1, tol=1e-11)
    two = sinkhorn(log_q, log_p, cost.t(), 0.1, tol=1e-11)
    torch.testing.assert_close(one.plan(1), two.plan(1).t())
    torch.testing.assert_close(one.mean_plan(), two.mean_plan().t())
    torch.testing.assert_close(one.transport_cost(), two.transport_cost())


def test_offsets_of_the_cost_move_the_potentials_only():
    """A constant on a row of C is added to that row's potential."""
    log_p, log_q, cost = random_problem(2, 5, 4)
    offset = torch.arange(5.).double()[:, None]
    plain = sinkhorn(log_p, log_q, cost, 0.1, tol=1e-11)
    moved = sinkhorn(log_p, log_q, cost + offset, 0.1, tol=1e-11)
    torch.testing.assert_close(plain.plan(0), moved.plan(0))
    difference = moved.f - plain.f - offset[:, 0]
    torch.testing.assert_close(
        difference, difference[:, :1].expand_as(difference))


@pytest.mark.parametrize('reg', [0.02, 0.001])
def test_samples_do_not_depend_on_their_batch(reg):
    """What others of the batch take changes nothing for anyone."""
    easy = random_problem(6, 12, 8, scale=0.1)
    hard = random_problem(2, 12, 8, scale=6., seed=1)
    cost = easy[2]
    log_p = torch.cat([easy[0], hard[0], easy[0]])
    log_q = torch.cat([easy[1], hard[1], easy[1]])
    together = sinkhorn(log_p, log_q, cost, reg, 5000, 1e-9)
    assert together.converged and (together.error <= 1e-9).all()
    for index in (0, 6, 7, 9):
        alone = sinkhorn(log_p[index:index + 1], log_q[index:index + 1],
                         cost, reg, 5000, 1e-9)
        torch.testing.assert_close(
            together.plan(index), alone.plan(0), rtol=0, atol=1e-8)


def test_stopping_early_is_seen():
    """Without enough iterations the result says so, and how far off."""
    log_p, log_q, cost = random_problem(3, 10, 8, scale=4.)
    result = sinkhorn(log_p, log_q, cost, 0.01, 4, 1e-10)
    assert not result.converged and result.iterations == 4
    true = marginal_error(result, log_p, log_q)
    assert (true > 1e-10).any() and (true <= result.error + 1e-12).all()


@pytest.mark.parametrize('reg', [1e-30, 1e-6, 1e6, 1e30])
def test_any_reg_that_is_let_in(reg):
    """Finite and honest, at both ends; costs of zero go with any reg."""
    log_p, log_q, cost = random_problem(2, 4, 3, dtype=torch.float32)
    cost = cost if reg > 1e-9 else cost * 0
    result = sinkhorn(log_p, log_q, cost, reg)
    assert result.f.isfinite().all() and result.g.isfinite().all()
    assert (marginal_error(result, log_p, log_q) <= result.error + 1e-5).all()


def test_nan_is_not_hidden():
    """A NaN sample gives NaN for itself and spoils no other."""
    log_p, log_q, cost = random_problem(3, 5, 4)
    log_p[1] = math.nan
    result = sinkhorn(log_p, log_q, cost, 0.1, 50)
    assert not result.converged
    assert result.f[1].isnan().all()
    assert result.f[[0, 2]].isfinite().all()
    assert (result.error[[0, 2]] <= 1e-4).all()


class _Largest(TorchDispatchMode):
    """Record the largest tensor that any operation makes."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out, ):
            if torch.is_tensor(tensor):
                self.numel = max(self.numel, tensor.numel())
        return out


@pytest.mark.parametrize('reg', [0.1, 0.003, 0.0001])
def test_no_array_of_all_plans(reg, monkeypatch):
    """No form ever holds (B, L_s, L_t), in solving or in what is asked."""
    monkeypatch.setattr('mmjtln.ot.kernel.CHUNK_ELEMENTS', 1)
    batch, source, target = 40, 50, 30
    log_p, log_q, cost = random_problem(batch, source, target)
    with _Largest() as largest:
        result = sinkhorn(log_p, log_q, cost, reg, 40)
        result.mean_plan()
        result.transport_cost()
        result.plan(3)
    assert largest.numel <= max(source * target, batch * source)


def test_inputs_are_left_alone():
    """No argument is written to, and no gradient asked of it."""
    log_p, log_q, cost = random_problem(2, 5, 4, dtype=torch.float32)
    copies = [tensor.clone() for tensor in (log_p, log_q, cost)]
    result = sinkhorn(log_p.requires_grad_(), log_q, cost, 0.1)
    for tensor, copy in zip((log_p, log_q, cost), copies, strict=True):
        torch.testing.assert_close(tensor.detach(), copy, rtol=0, atol=0)
    assert not result.f.requires_grad


def test_autocast_does_not_reach_the_solver():
    """Under bf16 autocast the result is that without it, bit for bit."""
    log_p, log_q, cost = random_problem(2, 20, 10, dtype=torch.float32)
    outside = sinkhorn(log_p, log_q, cost, 0.1)
    with torch.autocast('cpu', torch.bfloat16):
        inside = sinkhorn(log_p, log_q, cost, 0.1)
    assert torch.equal(inside.f, outside.f)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('reg', [0.1, 0.003, 0.0001])
def test_cuda_agrees_with_cpu(reg):
    """The same potentials, on a device that checks less often."""
    log_p, log_q, cost = random_problem(4, 60, 40, dtype=torch.float32)
    cpu = sinkhorn(log_p, log_q, cost, reg)
    cuda = sinkhorn(log_p.cuda(), log_q.cuda(), cost.cuda(), reg)
    assert cuda.f.is_cuda and cuda.converged == cpu.converged
    torch.testing.assert_close(
        cuda.transport_cost().cpu(), cpu.transport_cost(), rtol=1e-3,
        atol=1e-3)
