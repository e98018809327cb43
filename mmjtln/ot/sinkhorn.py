"""The solver: a batch of marginals, one cost matrix, and what solves it."""
import math
from typing import Any

import torch
from torch import Tensor

from mmjtln.errors import require

from .checks import Relax, check_options, check_shapes, relaxations
from .iteration import FIRST_SWEEPS, first_sweeps, iterate, look, sweep_on
from .kernel import (
    DenseKernel,
    KernelCache,
    Prepared,
    build_kernel,
    reduce_cost,
)
from .newton import newton
from .precision import full_precision
from .result import SinkhornResult
from .side import Side, exponent

# Marginal error that float32 reaches surely, for each unit of the exponent.
FLOAT32_FLOOR = 1e-7
# Largest C / reg for float32: past it the rounding of the potentials alone
# moves more than 1e-6 of mass.
MAX_RANGE_FLOAT32 = 12.
# Largest C / reg at all: past it that of float64 does.
MAX_RANGE = 1e9
# Largest range of C / reg for sweeps, once row and column minima are off:
# within it no scaling overflows.
SWEEPS_RANGE = 30.
# A sweep takes so much less time than an iteration with its look.
SWEEPS_FOR_ONE = 3
# Newton's method is for shorter sides of at most so many classes. One of
# its steps takes the time of some FIRST + PER_CLASS L iterations, so it
# starts when these have been tried.
NEWTON_CLASSES = 512
FIRST, PER_CLASS = 10, 2
# Up to so many entries of all plans Newton's step is also taken where the
# marginals are met, to see whether the potentials are settled.
SETTLED_ELEMENTS = 2**14
# Largest step of settled potentials, in units of tol.
SETTLED = 10.
# Where the product of both kappas is at most this, the iteration contracts
# by it, and a met marginal means settled potentials.
CONTRACTION = 0.9


@torch.no_grad()
def sinkhorn(log_p: Tensor,
             log_q: Tensor,
             cost: Tensor,
             reg: float,
             max_iter: int = 1000,
             tol: float = 1e-4,
             relax: Relax = None,
             cache: KernelCache | None = None,
             also: Tensor | None = None) -> SinkhornResult:
    r"""Solve a batch of entropic OT problems that share one cost matrix.

    .. math::
        \min_{G \ge 0} \langle G, C\rangle - reg\, H(G)
        \quad\text{s.t. } G 1 = p,\ G^T 1 = q,
        \qquad H(G) = -\sum_{ij} G_{ij} (\log G_{ij} - 1)

    for every sample's marginals p and q (Cuturi, *Sinkhorn Distances*,
    NeurIPS 2013). With ``relax`` a constraint becomes a penalty, tau KL(G 1
    | p) with KL(a | b) = sum a log(a / b) - a + b (Chizat et al., *Scaling
    algorithms for unbalanced optimal transport problems*, Math. Comp. 2018;
    Frogner et al., NeurIPS 2015).

    An iteration takes 4 B L_s L_t operations, memory is O(L_s L_t + B (L_s +
    L_t)). The page of this folder tells how the iteration is accelerated and
    when Newton's method takes over. In small problems (16,384 entries of all
    plans together, at most 512 classes on the shorter side) the gradient of
    each marginal's logits is right within 20 ``tol`` reg in L1, unless what
    couples two blocks of a plan is below float64's rounding. In larger ones
    the potentials are exact for marginals within ``error`` of those asked
    for; where a plan all but falls apart into blocks, that can be far from
    the gradient there.

    It runs without gradients and in full precision whatever autocast says:
    in float32 or, if an argument is double or the range of C / reg or
    ``tol`` asks for it, in float64. To differentiate the optimal value see
    :func:`~mmjtln.ot.entropic_value`.

    Args:
        log_p (Tensor): Log marginals of the source side, shape (B, L_s),
            each row's exponentials summing to one; minus infinity for a
            class of zero mass is legal.
        log_q (Tensor): The same of the target side, shape (B, L_t).
        cost (Tensor): Ground cost C, shape (L_s, L_t), finite and
            non-negative.
        reg (float): Weight of the entropy (eps in the papers), in units of
            the cost, positive, at least a billionth of the largest cost.
        max_iter (int): Most iterations and Newton steps to do. Defaults to
            1000.
        tol (float): Marginal error, an L1 distance of probabilities, at
            which a sample counts as solved. Defaults to 1e-4.
        relax (float | dict, optional): Weight tau, in units of the cost,
            of the penalty that replaces the constraint: one for both sides,
            or a dict with one or both of ``source`` and ``target``. None or
            infinity is the constraint. Defaults to None.
        cache (KernelCache, optional): Keeps what is the same for a cost in
            every call. Defaults to None: made anew.
        also (Tensor, optional): A scalar to be read with the error, in one
            wait for the device; for the OT loss. Defaults to None.

    Returns:
        SinkhornResult: Potentials and what can be had from them. A result
        that stopped at ``max_iter`` has ``converged=False``; its
        potentials are finite and its ``error`` says how good they are.

    Raises:
        TypeError: If what should be a tensor is none, or not floating.
        ValueError: If shapes do not fit, the cost has a non-finite or
            negative entry, or an option is out of its range.
    """
    check_options(reg, max_iter, tol)
    taus = relaxations(relax)
    check_shapes(log_p, log_q, cost)
    with full_precision(log_p.device.type):
        return _solve(log_p, log_q, cost, reg, max_iter, tol, taus,
                      KernelCache() if cache is None else cache, also)


def _solve(log_p: Tensor, log_q: Tensor, cost: Tensor, reg: float,
           max_iter: int, tol: float,
           taus: tuple[float, float], cache: KernelCache,
           also: Tensor | None) -> SinkhornResult:
    # The shorter side is iterated on: all but one division per iteration
    # then happens on the smaller tensor.
    swapped = log_p.shape[1] < log_q.shape[1]
    dtype = torch.promote_types(
        torch.promote_types(log_p.dtype, log_q.dtype), torch.float32)
    key = reg, tol, dtype, swapped, cost.dtype, cost.device, cost.shape
    made, asked = cache.held, {}
    if made is not None and made.key == key:
        asked['changed'] = torch.dist(made.cost, cost, math.inf)
    else:
        made = cache.held = _prepare(key, cost)
    kernel: Any = made.kernel
    dtype, classes = made.rest.dtype, made.rest.shape[1]
    sides = tuple(
        Side(_widen(log_mass, dtype), offset, exponent(tau, reg),
             -2 * made.span - 1000)
        for log_mass, offset, tau in zip(
            (log_q, log_p) if swapped else (log_p, log_q), made.offsets,
            taus[::-1] if swapped else taus, strict=True))
    rows, columns = sides
    hard = rows.kappa == columns.kappa == 1

    swept = None
    if (hard and isinstance(kernel, DenseKernel) and max_iter > FIRST_SWEEPS
            and made.spread <= SWEEPS_RANGE * reg):
        swept = first_sweeps(kernel, rows, columns)
        asked['error'] = swept.error.amax()
        if also is not None:
            asked['also'] = also
    # The one wait for the device, in most cases.
    known = dict(zip(asked, torch.stack(
        [one.to(dtype) for one in asked.values()]).tolist(), strict=True)
    ) if asked else {}
    if known.get('changed', 0) != 0:
        cache.held = None
        return _solve(log_p, log_q, cost, reg, max_iter, tol, taus, cache,
                      also)

    by_newton = (1 < classes <= NEWTON_CLASSES
                 and rows.kappa * columns.kappa > CONTRACTION)
    settle = by_newton and len(log_p) * made.rest.numel() <= SETTLED_ELEMENTS
    first = max_iter
    if by_newton:
        first = min(FIRST + PER_CLASS * classes, max(1, max_iter // 2))

    log_v, scalings, iterations, converged = columns.start, None, 0, False
    if swept:
        swept, converged, iterations = sweep_on(
            kernel, rows, columns, swept, known['error'],
            min(SWEEPS_FOR_ONE * first, max(1, max_iter // 2)), tol)
        log_v, log_u, scalings, error = swept
    if not converged:
        scalings = None
        log_v, error, more, converged = iterate(
            kernel, rows, columns, log_v,
            max(1, min(first, max_iter - iterations)), tol)
        iterations += more
    if by_newton and iterations < max_iter and (settle or not converged):
        scalings = None
        left = (slice(None) if settle else (~(error <= tol)).nonzero()[:, 0])
        found, _, more = newton(
            made.precise_kernel, rows.take(left), columns.take(left),
            log_v[left].double(), max_iter - iterations,
            tol, SETTLED * tol if settle else math.inf)
        iterations += more
        log_v[left] = found.to(dtype)
        error = look(kernel, rows, columns, log_v)[1].sum(1)
        converged = error.amax().item() <= tol

    if scalings is None:
        log_product = kernel.log_rows(log_v)
        log_u = rows.half_step(log_product)
    mass = torch.ones_like(error)
    if rows.kappa < 1:
        mass = log_product.add_(log_u).exp_().sum(1)
    return SinkhornResult(
        mass, error, iterations, converged, log_u, log_v, scalings, made,
        sides[swapped].mass if hard else None,
        converged and math.isfinite(known.get('also', math.nan)))


def _prepare(key: tuple[Any, ...], cost: Tensor) -> Prepared:
    """Make what depends on the cost alone; it reads the device once."""
    reg, tol, dtype, swapped, *_ = key
    # Contiguous, so that rounding does not depend on where it came from.
    cost = cost.clone(memory_format=torch.contiguous_format)
    oriented = cost.t() if swapped else cost
    reduced = reduce_cost(oriented.to(torch.promote_types(cost.dtype, dtype)))
    spread, largest = reduced[3:]
    span = largest / reg
    require(span <= MAX_RANGE, 'reg must be at least a billionth of the '
            f'largest cost ({largest:.3g})', f'got {reg!r}',
            f'Set it to {largest / MAX_RANGE:.2g} or more')
    if span > MAX_RANGE_FLOAT32 or tol < FLOAT32_FLOOR * (10 + span):
        dtype = torch.float64
    if reduced[0].dtype != dtype:
        # Once more, as what float32 rounded off is divided by reg.
        reduced = reduce_cost(oriented.to(dtype))
    return Prepared(key, cost, reg, swapped, *reduced[:3], spread, span,
                    build_kernel(reduced[0], reg, spread))


def _widen(log_marginal: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert; a sum off one by float32's rounding would bound the error."""
    if log_marginal.dtype == dtype:
        return log_marginal
    return log_marginal.to(dtype).log_softmax(1)
