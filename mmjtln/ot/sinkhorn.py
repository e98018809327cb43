"""Sinkhorn iterations for a batch of marginals and one cost matrix."""
import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmjtln.errors import require

from .checks import Relax, check_options, check_shapes, relaxations
from .kernel import (
    DenseKernel,
    Kernel,
    KernelCache,
    Prepared,
    build_kernel,
    reduce_cost,
)
from .newton import newton
from .precision import full_precision
from .result import SinkhornResult
from .side import Side, exponent

# Iterations between two looks at the error. On a GPU a look waits for the
# device.
CHECK_EVERY = {'cpu': 2}
CHECK_EVERY_ELSEWHERE = 4
# Marginal error that float32 reaches surely, for each unit of the exponent.
FLOAT32_FLOOR = 1e-7
# Largest C / reg for float32: past it the rounding of the potentials alone
# moves more than 1e-6 of mass.
MAX_RANGE_FLOAT32 = 12.
# Largest C / reg at all: past it that of float64 does.
MAX_RANGE = 1e9
# Sweeps before the first look at the error, and the contraction they are made
# for. Further ones go by the contraction seen, up to the most, in blocks.
FIRST_SWEEPS, FIRST_CONTRACTION = 8, 0.65
MOST_SWEEPS, MOST_CONTRACTION = 16, 0.985
# A sweep takes so much less time than an iteration with its look.
SWEEPS_FOR_ONE = 3
# Largest range of C / reg for them, once row and column minima are off:
# within it no scaling overflows.
SWEEPS_RANGE = 30.
# Longest extrapolation, in units of the last move of the image, and what a
# failure leaves of it.
REACH, REACH_LEFT = 8., 0.85
# Mass that can be moved without a look at the error.
NEGLIGIBLE = 1e-9
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
    | p) with KL(a | b) = sum a log(a / b) - a + b: mass may then be left
    behind or made where moving it costs more (Chizat et al., *Scaling
    algorithms for unbalanced optimal transport problems*, Math. Comp.
    2018; Frogner et al., NeurIPS 2015).

    As all samples share the kernel exp(-C / reg), a half step for the whole
    batch is one matrix product: 4 B L_s L_t operations an iteration, memory
    O(L_s L_t + B (L_s + L_t)). Under hard constraints and a range of C / reg
    of at most 30 they are relaxed by Chebyshev's polynomials, in blocks
    without a look at the error, for the contraction that the last block
    showed. Where that does not lead on they are accelerated by secant steps,
    where a sample's error does not rise. Samples that they do not
    solve, in a number that depends on the shorter side, are solved by
    Newton's method (:func:`~mmjtln.ot.newton.newton`), a chunk of samples at
    a time, if that side has at most 512 classes; others go on as they are.
    Small problems (16,384 entries of all plans together) get a Newton step
    also where the marginals are met, until it moves the log scalings by at
    most 10 ``tol`` (L1, weighted by the marginal): the gradient of each
    marginal's logits is then right within 20 ``tol`` reg in L1, unless what
    couples two blocks of a plan is below float64's rounding. In larger
    ones the potentials are exact for marginals within ``error`` of those
    asked for, and where a plan all but falls apart into blocks that can be
    far from the gradient there.

    It runs without gradients and with autocast and reduced-precision
    products switched off, in float32 or, if an argument is double or the
    range of C / reg or ``tol`` asks for it, in float64; beyond the range of
    float64 the products become log-sum-exps of a chunk of samples. To
    differentiate the optimal value use the potentials, see
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
            infinity is the constraint, zero neither constraint nor penalty:
            the side's marginals have no say. Defaults to None.
        cache (KernelCache, optional): Keeps what is the same for a cost in
            every call. Defaults to None: made anew.
        also (Tensor, optional): A scalar to be read with the error, if it
            can be, in one wait for the device; for the OT loss. Defaults to
            None.

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
    made, changed = cache.held, None
    if made is not None and made.key == key:
        changed = torch.dist(made.cost, cost, math.inf)
    else:
        made = cache.held = _prepare(key, cost)
    kernel, dtype = made.kernel, made.rest.dtype
    sides = tuple(
        Side(_widen(log_mass, dtype), offset, exponent(tau, reg),
             -2 * made.span - 1000)
        for log_mass, offset, tau in zip(
            (log_q, log_p) if swapped else (log_p, log_q), made.offsets,
            taus[::-1] if swapped else taus, strict=True))
    rows, columns = sides

    log_v, scalings, iterations, converged = columns.start, None, 0, False
    hard = rows.kappa == columns.kappa == 1
    swept = (hard and isinstance(kernel, DenseKernel)
             and made.spread <= SWEEPS_RANGE * reg and max_iter > FIRST_SWEEPS)
    answer = {}
    asked = {} if changed is None else dict(changed=changed)
    if swept:
        swept = _sweep(kernel, rows, columns, columns.start,
                       FIRST_CONTRACTION, FIRST_SWEEPS)
        asked['error'] = swept.error.amax()
        if also is not None:
            asked['also'] = also
    if asked:
        # The one wait for the device, in most cases.
        answer = dict(zip(asked, torch.stack(
            [one.to(dtype) for one in asked.values()]).tolist(), strict=True))
        if answer.get('changed', 0) != 0:
            cache.held = None
            return _solve(log_p, log_q, cost, reg, max_iter, tol, taus, cache,
                          also)
    also_finite = math.isfinite(answer.get('also', math.nan))

    classes = made.rest.shape[1]
    by_newton = (1 < classes <= NEWTON_CLASSES
                 and rows.kappa * columns.kappa > CONTRACTION)
    settle = by_newton and len(log_v) * made.rest.numel() <= SETTLED_ELEMENTS
    first = max_iter
    if by_newton:
        first = min(FIRST + PER_CLASS * classes, max(1, max_iter // 2))
    if swept:
        swept, converged, iterations = _sweep_on(
            kernel, rows, columns, swept, answer['error'],
            min(SWEEPS_FOR_ONE * first, max(1, max_iter // 2)), tol)
        log_v, log_u, scalings, error = swept
    if not converged:
        scalings = None
        log_v, error, more, converged = _iterate(
            kernel, rows, columns, log_v, max(1, min(
                first, max_iter - iterations)), tol)
        iterations += more
    if by_newton and iterations < max_iter and (settle or not converged):
        left = (slice(None) if settle
                else (~(error <= tol)).nonzero()[:, 0])
        found, _, steps = newton(
            made.precise_kernel, rows.take(left), columns.take(left),
            log_v[left].double(), max_iter - iterations,
            tol, SETTLED * tol if settle else math.inf)
        iterations += steps
        scalings = None
        log_v[left] = found.to(dtype)
        error = _look(kernel, rows, columns, log_v)[1].sum(1)
        converged = error.amax().item() <= tol

    if scalings is None:
        log_product = kernel.log_rows(log_v)
        log_u = rows.half_step(log_product)
    mass = torch.ones_like(error)
    if rows.kappa < 1:
        mass = log_product.add_(log_u).exp_().sum(1)
    p = sides[swapped].mass if hard else None
    return SinkhornResult(mass, error, iterations, converged, log_u, log_v,
                          scalings, made, p, also_finite and converged)


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


class _Swept(NamedTuple):
    """Where sweeps have led to."""

    log_v: Tensor
    log_u: Tensor
    scalings: tuple[Tensor, Tensor]  # u and v.
    error: Tensor


@functools.cache
def _roots(count: int) -> tuple[float, ...]:
    """Return the roots of Chebyshev's polynomial in a stable order.

    From the least on, each as far from those before as can be (F. Leja's
    points), so that rounding is not magnified on the way.
    """
    left = [-math.cos(math.pi * (k + 0.5) / count) for k in range(count)]
    order = [left.pop(0)]
    while left:
        order.append(max(left, key=lambda root: math.prod(
            abs(root - other) for other in order)))
        left.remove(order[-1])
    return tuple(order)


def _sweep(kernel: DenseKernel, rows: Side, columns: Side, log_v: Tensor,
           contraction: float, count: int) -> _Swept:
    """Make plain iterations, relaxed so that errors fall most in so many.

    Those, that is, which an iteration contracts by at most ``contraction``
    (D. Young, *On Richardson's method for solving linear systems*, J. Math.
    Phys. 1954). Few launches, and no look at the error.
    """
    v = log_v.exp()
    for root in _roots(count):
        u = torch.mm(v, kernel.transposed)
        u = torch.div(rows.mass, u, out=u)
        image = columns.start - torch.mm(u, kernel.matrix).log_()
        log_v = torch.lerp(log_v, image,
                           1 / (1 - contraction / 2 * (1 + root)))
        v = log_v.exp()
    product = torch.mm(v, kernel.transposed)
    u = rows.mass / product
    error = torch.linalg.vector_norm(torch.addcmul(
        columns.mass, torch.mm(u, kernel.matrix), v, value=-1), 1, dim=1)
    return _Swept(log_v, rows.start - product.log_(), (u, v), error)


def _sweep_on(kernel: DenseKernel, rows: Side, columns: Side, swept: _Swept,
              worst: float, max_iter: int, tol: float
              ) -> tuple[_Swept, bool, int]:
    """Make blocks of sweeps as long as they lead on.

    Each is made for the contraction that the fall of the error in the last
    one shows (L. Hageman and D. Young, *Applied Iterative Methods*, 1981,
    chapter 5), and no longer than needed.

    Returns:
        tuple: Where they lead to, whether all samples are within tol, and
        the iterations done.
    """
    contraction, count, before = FIRST_CONTRACTION, FIRST_SWEEPS, 1.
    done = count + 1
    while worst > tol:
        slower = worst / before * math.cosh(
            count * math.acosh(2 / contraction - 1))
        if slower > 1:
            contraction *= (1 + math.cosh(math.acosh(slower) / count)) / 2
        contraction = min(contraction, MOST_CONTRACTION)
        count = min(MOST_SWEEPS, max_iter - done - 1, math.ceil(
            math.acosh(2 * worst / tol) / math.acosh(2 / contraction - 1)))
        if count < 1:
            break
        tried = _sweep(kernel, rows, columns, swept.log_v, contraction, count)
        done += count + 1
        before, worst = worst, tried.error.amax().item()
        if not worst < before:
            break
        swept = tried
    return swept, worst <= tol, done


def _widen(log_marginal: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert; a sum off one by float32's rounding would bound the error."""
    if log_marginal.dtype == dtype:
        return log_marginal
    return log_marginal.to(dtype).log_softmax(1)


def _look(kernel: Kernel, rows: Side, columns: Side,
          log_v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the image F of log v and what it moves, each (B, L).

    The column sums of the plan in hand are v s: how far the next half step
    moves them is a by-product. The sum of that is the error.
    """
    log_s = kernel.sweep(log_v, rows)
    image = columns.half_step(log_s)
    moved = (image + log_s).exp_().sub_(log_s.add_(log_v).exp_())
    return image, moved.abs_()


def _iterate(kernel: Kernel, rows: Side, columns: Side, log_v: Tensor,
             max_iter: int, tol: float) -> tuple[Tensor, Tensor, int, bool]:
    """Iterate until every sample's error is within tol, or max_iter ends it.

    With the secant step of D. G. Anderson (*Iterative procedures for
    nonlinear integral equations*, J. ACM 1965, of depth one): of the line
    through the last two images F(x) the point is taken at which the
    residuals F(x) - x, as a line, are least in the norm that the marginal
    weights. Where a sample's error rose it makes a plain step instead, and
    its reach shrinks, so that it cannot wander for ever.

    Returns:
        tuple: log v of each sample, shape (B, L), its error, shape (B,),
        iterations done, and whether all are within tol.
    """
    check_every = CHECK_EVERY.get(rows.mass.device.type,
                                  CHECK_EVERY_ELSEWHERE)
    weight = columns.mass
    tiny = torch.finfo(weight.dtype).tiny
    reach = torch.full_like(weight[:, :1], REACH)
    last_image = last_residual = last_error = torch.empty(0)
    iteration = 0
    while True:
        iteration += 1
        image, moved = _look(kernel, rows, columns, log_v)
        error = moved.sum(1, keepdim=True)
        if rows.kappa == columns.kappa == 1:
            # The constant is free: extrapolated, it would run away.
            image = image - (weight * image).sum(1, keepdim=True)
        residual = image - log_v
        last = iteration >= max_iter
        if iteration % check_every == 0 or last:
            # The one wait for the device. NaN counts as unsolved.
            converged = error.amax().item() <= tol
            if converged or last:
                # An extrapolation can leave a class of next to no mass
                # anywhere.
                log_v = torch.where(moved < NEGLIGIBLE, image, log_v)
                return log_v, error[:, 0], iteration, converged
        log_v = image
        if iteration > 1:
            rose = error > last_error
            reach = torch.where(rose, reach * REACH_LEFT, reach)
            change = residual - last_residual
            weighted = weight * change
            share = (weighted * residual).sum(1, keepdim=True) / (
                weighted * change).sum(1, keepdim=True).clamp_(min=tiny)
            share = share.clamp_(-reach, reach).masked_fill_(rose, 0)
            log_v = torch.addcmul(image, share, image - last_image, value=-1)
        last_image, last_residual, last_error = image, residual, error
