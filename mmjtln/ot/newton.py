"""Newton's method on the dual, for what Sinkhorn's iteration leaves."""
import torch
from torch import Tensor

from .kernel import Kernel, chunk_size
from .side import Side

# Damping after the first step that failed; a failure raises it tenfold, a
# success lowers it tenfold, below the least to none.
FIRST_DAMPING = 1e-3
LEAST_DAMPING = 1e-6
# Added to the diagonal always: above the rounding of the products.
RIDGE = 1e-14
# A fall of the dual by this share is rounding.
ROUNDING = 1e-13
# Stands for the mass of a class that has none, as a divisor.
TINY = 1e-300


def newton(kernel: Kernel, rows: Side, columns: Side, log_v: Tensor,
           max_steps: int, tol: float,
           settled_tol: float) -> tuple[Tensor, Tensor, int]:
    r"""Raise the dual of each sample by damped Newton steps, in float64.

    With the rows' scaling eliminated by its half step the dual is a concave
    function of x = log v. Its gradient is the marginal asked for less the
    plan's, q - s, and minus its Hessian

    .. math::
        \operatorname{diag}(s + (1/\kappa_q - 1)\, q)
        - \kappa_p \sum_i \pi_i \pi_i^T / \textstyle\sum_j \pi_{ij}

    with :math:`\pi_i` the rows of the plan (C. Brauer, C. Clason, D. Lorenz
    and B. Wirth, *A Sinkhorn-Newton method for entropic optimal transport*,
    2017, has it for hard constraints), scaled by max(s, q)^(-1/2) from both
    sides and damped by mu times the identity. Where a step does not raise the
    dual one of Sinkhorn's iteration, which always does, is made in its place,
    and mu grows tenfold.

    A solved sample has a marginal error of at most ``tol``, and a step (L1,
    weighted by the marginal, of the log scalings) of at most ``settled_tol``.
    Returned are log v (B, L), whether each sample is solved (B,), and the
    steps done.
    """
    size = chunk_size(rows.log_mass.shape[1] * log_v.shape[1])
    done = [
        _newton_chunk(kernel, rows.take(part), columns.take(part),
                      log_v[part], max_steps, tol, settled_tol)
        for part in (slice(start, start + size)
                     for start in range(0, len(log_v), size))
    ]
    points, solved, steps = zip(*done, strict=True)
    return torch.cat(points), torch.cat(solved), max(steps)


def _newton_chunk(kernel: Kernel, rows: Side, columns: Side, point: Tensor,
                  max_steps: int, tol: float,
                  settled_tol: float) -> tuple[Tensor, Tensor, int]:
    """As :func:`newton`, for samples whose plans fit into memory at once."""
    zero = point.new_zeros(len(point), 1)
    damping, best = zero, zero - torch.inf
    kept = kept_plain = point
    plainly = torch.ones_like(zero, dtype=torch.bool)
    solved = torch.zeros_like(plainly)
    step = 0
    while True:
        step += 1
        value, plain, error, system = _evaluate(kernel, rows, columns, point)
        good = (value >= best - ROUNDING * (1 + best.abs())) & ~solved
        best = torch.where(good, value, best)
        kept = torch.where(good, point, kept)
        kept_plain = torch.where(good, plain, kept_plain)
        eased = torch.where(damping > LEAST_DAMPING, damping / 10, zero)
        damping = torch.where(
            good, torch.where(plainly, damping, eased),
            (damping * 10).clamp(min=FIRST_DAMPING))
        move, size = _solve(system, damping)
        solved |= good & (error <= tol) & (damping == 0) & (
            size <= settled_tol)
        if step >= max_steps or solved.all().item():
            return kept, solved[:, 0], step
        plainly = ~(good & size.isfinite())
        # Where the dual is flat a step knows no bound; what it leads to
        # does: scalings differ by less than the floor.
        longest = move.abs().amax(1, keepdim=True).clamp(min=TINY)
        move = move * (-columns.floor / longest).clamp(max=1)
        point = torch.where(plainly, kept_plain, point + move)
        point = torch.where(solved, kept, point)


def _evaluate(
        kernel: Kernel, rows: Side, columns: Side, log_v: Tensor
) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Return the dual, the plain step, the error and Newton's system."""
    log_product = kernel.log_rows(log_v)
    log_u = rows.half_step(log_product)
    plan = kernel.plans(log_u, log_v)
    row_sums = (log_u + log_product).exp_()
    sums = plan.sum(1)
    # Not the logarithm of the sums, which may be those of nothing.
    log_s = kernel.log_columns(log_u)
    plain = columns.half_step(log_s)
    error = ((plain + log_s).exp_() - sums).abs_().sum(1, keepdim=True)
    value = rows.dual(log_u) + columns.dual(log_v) - row_sums.sum(
        1, keepdim=True)

    wanted = columns.wanted(log_v)
    mass = torch.maximum(sums, wanted).clamp(min=TINY)
    scale = mass.rsqrt()
    half = plan.mul_((rows.kappa / row_sums.clamp(min=TINY)).sqrt()[..., None]
                     ).mul_(scale[:, None])
    hessian = torch.bmm(half.mT, half).neg_()
    diagonal = sums + (1 / columns.kappa - 1) * wanted
    hessian.diagonal(dim1=1, dim2=2).add_(diagonal / mass + RIDGE)
    if rows.kappa == columns.kappa == 1:
        # The constant is free: fix it, the system has no say in it.
        constant = mass.sqrt()
        hessian.baddbmm_(constant[:, :, None], constant[:, None])
    return value, plain, error, (hessian, wanted - sums, scale)


def _solve(system: tuple[Tensor, Tensor, Tensor],
           damping: Tensor) -> tuple[Tensor, Tensor]:
    """Return the step, shape (B, L), and its weighted size, (B, 1)."""
    hessian, gradient, scale = system
    hessian = hessian + torch.diag_embed(damping.expand_as(gradient))
    factor, failed = torch.linalg.cholesky_ex(hessian)
    move = scale * torch.cholesky_solve(
        (gradient * scale)[..., None], factor)[..., 0]
    size = (move.abs() / scale**2).sum(1, keepdim=True)
    return move, torch.where(failed[:, None] > 0, torch.inf, size)
