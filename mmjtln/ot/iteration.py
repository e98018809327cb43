"""Sinkhorn's iteration, made faster: in blocks of sweeps, or step by step."""
import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from .kernel import DenseKernel, Kernel
from .side import Side

# Sweeps before the first look at the error, and the contraction they are made
# for. Further ones go by the contraction seen, up to the most, in blocks.
FIRST_SWEEPS, FIRST_CONTRACTION = 8, 0.65
MOST_SWEEPS, MOST_CONTRACTION = 16, 0.985
# Iterations between two looks at the error. On a GPU a look waits for the
# device.
CHECK_EVERY = {'cpu': 2}
CHECK_EVERY_ELSEWHERE = 4
# Longest extrapolation, in units of the last move of the image, and what a
# failure leaves of it.
REACH, REACH_LEFT = 8., 0.85
# Mass that can be moved without a look at the error.
NEGLIGIBLE = 1e-9


class Swept(NamedTuple):
    """Where sweeps have led to."""

    log_v: Tensor
    log_u: Tensor
    scalings: tuple[Tensor, Tensor]  # u and v.
    error: Tensor  # Of each sample, shape (B,).


def first_sweeps(kernel: DenseKernel, rows: Side, columns: Side) -> Swept:
    """Make the first block of sweeps, without a look at the error."""
    return _sweep(kernel, rows, columns, columns.start, FIRST_CONTRACTION,
                  FIRST_SWEEPS)


def sweep_on(kernel: DenseKernel, rows: Side, columns: Side, swept: Swept,
             worst: float, max_iter: int, tol: float
             ) -> tuple[Swept, bool, int]:
    """Make blocks of sweeps as long as they lead on.

    Each is made for the contraction that the fall of the error in the last
    one shows (L. Hageman and D. Young, *Applied Iterative Methods*, 1981,
    chapter 5), and no longer than needed. ``worst`` is the error after the
    first block. Returned are where they lead to, whether all samples are
    within tol, and the iterations done, the first block's included.
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


def _sweep(kernel: DenseKernel, rows: Side, columns: Side, log_v: Tensor,
           contraction: float, count: int) -> Swept:
    """Make iterations, relaxed for errors that each contracts by so much.

    D. Young, *On Richardson's method for solving linear systems*, J. Math.
    Phys. 1954.
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
    return Swept(log_v, rows.start - product.log_(), (u, v), error)


@functools.cache
def _roots(count: int) -> tuple[float, ...]:
    """Return the roots of Chebyshev's polynomial in a stable order."""
    # From the least on, each as far from those before as can be (F. Leja's
    # points), so that rounding is not magnified on the way.
    left = [-math.cos(math.pi * (k + 0.5) / count) for k in range(count)]
    order = [left.pop(0)]
    while left:
        order.append(max(left, key=lambda root: math.prod(
            abs(root - other) for other in order)))
        left.remove(order[-1])
    return tuple(order)


def look(kernel: Kernel, rows: Side, columns: Side,
         log_v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the image F of log v and what it moves, each (B, L)."""
    # The column sums of the plan in hand are v s: the error is the sum of
    # what the next half step moves them by.
    log_s = kernel.sweep(log_v, rows)
    image = columns.half_step(log_s)
    moved = (image + log_s).exp_().sub_(log_s.add_(log_v).exp_())
    return image, moved.abs_()


def iterate(kernel: Kernel, rows: Side, columns: Side, log_v: Tensor,
            max_iter: int, tol: float) -> tuple[Tensor, Tensor, int, bool]:
    """Iterate until every sample's error is within tol, or max_iter ends it.

    With the secant step of D. G. Anderson (*Iterative procedures for
    nonlinear integral equations*, J. ACM 1965, of depth one): of the line
    through the last two images F(x) the point is taken at which the
    residuals F(x) - x, as a line, are least in the norm that the marginal
    weights. Returned are log v (B, L), the errors (B,), iterations done, and
    whether all are within tol.
    """
    check_every = CHECK_EVERY.get(rows.mass.device.type, CHECK_EVERY_ELSEWHERE)
    weight = columns.mass
    tiny = torch.finfo(weight.dtype).tiny
    reach = torch.full_like(weight[:, :1], REACH)
    last_image = last_residual = last_error = torch.empty(0)
    iteration = 0
    while True:
        iteration += 1
        image, moved = look(kernel, rows, columns, log_v)
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
            # A sample whose error rose makes a plain step, and its reach
            # shrinks, so that it cannot wander for ever.
            rose = error > last_error
            reach = torch.where(rose, reach * REACH_LEFT, reach)
            change = residual - last_residual
            weighted = weight * change
            share = (weighted * residual).sum(1, keepdim=True) / (
                weighted * change).sum(1, keepdim=True).clamp_(min=tiny)
            share = share.clamp_(-reach, reach).masked_fill_(rose, 0)
            log_v = torch.addcmul(image, share, image - last_image, value=-1)
        last_image, last_residual, last_error = image, residual, error
