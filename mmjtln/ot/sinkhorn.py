"""Sinkhorn iterations for a batch of marginals and one cost matrix."""
import math

import torch
from torch import Tensor

from mmjtln.errors import require

from .checks import Relax, check_options, check_shapes, relaxations
from .kernel import Kernel, build_kernel, reduce_cost
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
             relax: Relax = None) -> SinkhornResult:
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
    O(L_s L_t + B (L_s + L_t)). The iterations are accelerated by secant
    steps, where a sample's error does not rise. Samples that they do not
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
        return _solve(log_p, log_q, cost, reg, max_iter, tol, taus)


def _solve(log_p: Tensor, log_q: Tensor, cost: Tensor, reg: float,
           max_iter: int, tol: float,
           taus: tuple[float, float]) -> SinkhornResult:
    # The shorter side is iterated on: all but one division per iteration
    # then happens on the smaller tensor.
    swapped = log_p.shape[1] < log_q.shape[1]
    oriented_cost = cost
    if swapped:
        log_p, log_q, oriented_cost = log_q, log_p, cost.t()
        taus = taus[::-1]
    dtype = torch.promote_types(
        torch.promote_types(log_p.dtype, log_q.dtype), torch.float32)
    rest, row_offsets, column_offsets, spread, largest = reduce_cost(
        oriented_cost.to(torch.promote_types(cost.dtype, dtype)))
    span = largest / reg
    require(span <= MAX_RANGE, 'reg must be at least a billionth of the '
            f'largest cost ({largest:.3g})', f'got {reg!r}',
            f'Set it to {largest / MAX_RANGE:.2g} or more')
    if span > MAX_RANGE_FLOAT32 or tol < FLOAT32_FLOOR * (10 + span):
        dtype = torch.float64
    if rest.dtype != dtype:
        # Once more, as what float32 rounded off is divided by reg.
        rest, row_offsets, column_offsets, *_ = reduce_cost(
            oriented_cost.to(dtype))
    rows, columns = (
        Side(_widen(log_mass, dtype), offset / reg,
             exponent(tau, reg), -2 * span - 1000)
        for log_mass, offset, tau in ((log_p, row_offsets, taus[0]),
                                      (log_q, column_offsets, taus[1])))
    kernel = build_kernel(rest, reg, spread)

    classes = rest.shape[1]
    by_newton = (1 < classes <= NEWTON_CLASSES
                 and rows.kappa * columns.kappa > CONTRACTION)
    first = max_iter
    if by_newton:
        first = min(FIRST + PER_CLASS * classes, max(1, max_iter // 2))
    log_v, error, iterations, converged = _iterate(
        kernel, rows, columns, first, tol)
    settle = by_newton and len(log_v) * rest.numel() <= SETTLED_ELEMENTS
    if by_newton and iterations < max_iter and (settle or not converged):
        left = torch.arange(len(log_v), device=log_v.device)
        if not settle:
            left = (~(error <= tol)).nonzero()[:, 0]
        found, _, steps = newton(
            build_kernel(rest.double(), reg, spread), rows.take(left),
            columns.take(left), log_v[left].double(), max_iter - iterations,
            tol, SETTLED * tol if settle else math.inf)
        iterations += steps
        log_v[left] = found.to(dtype)
        error = _look(kernel, rows, columns, log_v)[1].sum(1)
        converged = error.amax().item() <= tol

    log_product = kernel.log_rows(log_v)
    log_u = rows.half_step(log_product)
    mass = torch.ones_like(error)
    if rows.kappa < 1:
        mass = log_product.add_(log_u).exp_().sum(1)
    # In float32 their rounding alone would move a millionth of the mass.
    f = (log_u.double() + rows.offset).mul_(reg)
    g = (log_v.double() + columns.offset).mul_(reg)
    p = rows.mass
    if swapped:
        f, g, p = g, f, columns.mass
    if taus == (math.inf, math.inf):
        centre = p.mul(f).sum(1, keepdim=True)
        f, g = f.sub_(centre), g.add_(centre)
    return SinkhornResult(f, g, mass, error, iterations, converged, log_u,
                          log_v, kernel, cost, swapped)


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


def _iterate(kernel: Kernel, rows: Side, columns: Side, max_iter: int,
             tol: float) -> tuple[Tensor, Tensor, int, bool]:
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
    log_v, weight = columns.start, columns.mass
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
