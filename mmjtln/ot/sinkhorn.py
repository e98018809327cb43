"""Sinkhorn iterations for a batch of marginals and one cost matrix."""
import itertools
import math

import torch

from .anderson import Anderson
from .kernel import MAX_RANGE_FLOAT32, build_kernel, reduce_cost
from .precision import full_precision
from .result import SinkhornResult

# Iterations between two looks at the error. On a GPU a look waits for the
# device.
CHECK_EVERY = {'cpu': 2}
CHECK_EVERY_ELSEWHERE = 4
# Solved samples leave the batch if an iteration costs at least this many
# multiplications; below it, taking them out costs more.
MIN_WORK = {'cpu': 2**21}
MIN_WORK_ELSEWHERE = 2**30
# They leave if this share of the batch or less would stay.
MOST_LEFT = 0.75
# Marginal error that float32 reaches surely, for each unit of the exponent.
FLOAT32_FLOOR = 1e-7
# Steps of the regularisation from coarse to fine, and how well the coarser
# problems are solved.
LEVEL_FACTOR = 4
LEVEL_TOL = 0.1


def check_options(reg, max_iter, tol):
    """Check what does not depend on the data.

    Raises:
        TypeError: If an option is no number.
        ValueError: If reg or tol is not a positive finite number, or
            max_iter not a positive integer.
    """
    for name, value in dict(reg=reg, tol=tol).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f'{name} must be a number, got {value!r} '
                            f'({type(value).__name__}); set {name} to a '
                            'positive number such as '
                            f"{dict(reg=0.1, tol=1e-4)[name]}")
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f'{name} must be positive and finite, got '
                             f'{value!r}; set {name} to a value such as '
                             f"{dict(reg=0.1, tol=1e-4)[name]}")
    if isinstance(max_iter, bool) or not isinstance(max_iter, int):
        raise TypeError(f'max_iter must be an integer, got {max_iter!r} '
                        f'({type(max_iter).__name__}); set max_iter to a '
                        'positive integer such as 1000')
    if max_iter < 1:
        raise ValueError(f'max_iter must be at least 1, got {max_iter}; set '
                         'max_iter to a positive integer such as 1000')


def _check_shapes(log_p, log_q, cost):
    for name, value in dict(log_p=log_p, log_q=log_q, cost=cost).items():
        if not torch.is_tensor(value) or not value.is_floating_point():
            raise TypeError(
                f'{name} must be a floating point tensor, got '
                f'{getattr(value, "dtype", type(value).__name__)}')
        if value.dim() != 2 or 0 in value.shape:
            raise ValueError(
                f'{name} must be a non-empty matrix, got shape '
                f'{tuple(value.shape)}; log_p is (B, L_s), log_q (B, L_t), '
                'cost (L_s, L_t)')
    if len(log_p) != len(log_q):
        raise ValueError(
            'log_p and log_q must hold the same samples, got '
            f'{len(log_p)} and {len(log_q)} rows; pass both marginals of '
            'every sample')
    if cost.shape != (log_p.shape[1], log_q.shape[1]):
        raise ValueError(
            'cost must have a row for each class of log_p and a column for '
            f'each class of log_q, {(log_p.shape[1], log_q.shape[1])}, got '
            f'{tuple(cost.shape)}; is it transposed, or built for other '
            'classes?')


@torch.no_grad()
def sinkhorn(log_p, log_q, cost, reg, max_iter=1000, tol=1e-4):
    r"""Solve a batch of entropic OT problems that share one cost matrix.

    .. math::
        \min_{G \ge 0} \langle G, C\rangle - reg\, H(G)
        \quad\text{s.t. } G 1 = p,\ G^T 1 = q,
        \qquad H(G) = -\sum_{ij} G_{ij} (\log G_{ij} - 1)

    for every sample's marginals p and q (Cuturi, *Sinkhorn Distances*,
    NeurIPS 2013). As all samples share the kernel exp(-C / reg), a half
    step for the whole batch is one matrix product. Work in one iteration:
    4 B L_s L_t operations; memory O(L_s L_t + B (L_s + L_t)). Iterations
    are accelerated (:class:`~mmjtln.ot.anderson.Anderson`), solved samples
    leave the batch, and for a small reg coarser problems are solved first.

    It runs without gradients and with autocast and reduced-precision
    products switched off, in float32 or, if an argument is double or the
    range of C / reg asks for it, in float64; beyond the range of float64
    the products become log-sum-exps of a chunk of samples. To
    differentiate the optimal value use the potentials: its gradients are
    f for p and g for q, up to a constant (envelope theorem).

    Args:
        log_p (Tensor): Log marginals of the source side, shape (B, L_s),
            each row's exponentials summing to one; minus infinity for a
            class of zero mass is legal.
        log_q (Tensor): The same of the target side, shape (B, L_t).
        cost (Tensor): Ground cost C, shape (L_s, L_t), finite and
            non-negative.
        reg (float): Weight of the entropy (eps in the papers), in units of
            the cost, positive.
        max_iter (int): Most iterations to do; they come in pairs, so an
            odd number is rounded up. Defaults to 1000.
        tol (float): Marginal error, an L1 distance of probabilities, at
            which a sample counts as solved. Defaults to 1e-4.

    Returns:
        SinkhornResult: Potentials and what can be had from them. A result
        that stopped at ``max_iter`` has ``converged=False``; its
        potentials are finite and its ``error`` says how good they are.

    Raises:
        TypeError: If a tensor or an option is of another type.
        ValueError: If shapes do not fit, the cost has a non-finite or
            negative entry, or an option is out of its range.
    """
    check_options(reg, max_iter, tol)
    _check_shapes(log_p, log_q, cost)
    with full_precision(log_p.device.type):
        return _solve(log_p, log_q, cost, reg, max_iter, tol)


def _solve(log_p, log_q, cost, reg, max_iter, tol):
    # The shorter side is iterated on: all but one division per iteration
    # then happens on the smaller tensor.
    swapped = log_p.shape[1] < log_q.shape[1]
    oriented_cost = cost
    if swapped:
        log_p, log_q, oriented_cost = log_q, log_p, cost.t()
    dtype = torch.promote_types(
        torch.promote_types(log_p.dtype, log_q.dtype), torch.float32)
    rest, rows, columns, spread = reduce_cost(
        oriented_cost.to(torch.promote_types(cost.dtype, dtype)))
    span = spread / reg
    if span > MAX_RANGE_FLOAT32 or tol < FLOAT32_FLOOR * (10 + span):
        dtype = torch.float64
    # Zero mass as a finite number that is still zero in every product, so
    # that no infinity enters anywhere.
    floor = -2 * span - 1000
    log_p = _widen(log_p, dtype).clamp(min=floor)
    log_q = _widen(log_q, dtype).clamp(min=floor)
    rest, p = rest.to(dtype), log_p.exp()

    log_v = log_q
    iterations = 0
    levels = _levels(reg, spread, max_iter)
    for level, finer in zip(levels, levels[1:] + [None], strict=True):
        kernel = build_kernel(rest * (-1 / level), spread / level)
        # The coarser problems share half of the iterations.
        log_s, error, done, converged = _iterate(
            kernel, kernel.marginal(p, log_p), log_q, log_v,
            max_iter // (2 * len(levels)) if finer else max_iter - iterations,
            LEVEL_TOL if finer else tol)
        iterations += done
        if finer:
            log_v = log_q - log_s * (level / finer)

    # Two more half steps, whose error can only be smaller.
    log_v = log_q - log_s
    log_u = kernel.log_rows(log_v)
    torch.sub(log_p, log_u, out=log_u)
    f = torch.add(rows, log_u, alpha=reg)
    g = torch.add(columns, log_v, alpha=reg)
    if swapped:
        f, g, p = g, f, log_q.exp()
    centre = p.mul_(f).sum(1, keepdim=True)
    f, g = f.sub_(centre), g.add_(centre)
    return SinkhornResult(f, g, error, iterations, converged, log_u, log_v,
                          kernel, cost, swapped)


def _widen(log_marginal, dtype):
    """Convert; a sum off one by float32's rounding would bound the error."""
    if log_marginal.dtype == dtype:
        return log_marginal
    return log_marginal.to(dtype).log_softmax(1)


def _levels(reg, spread, max_iter):
    """Regularisations to solve in turn, each starting where the last ended.

    Where the range is too wide for float32, Sinkhorn started cold creeps;
    the coarser problems are quickly solved and bring it near.
    """
    levels = [reg]
    while spread / levels[-1] > MAX_RANGE_FLOAT32:
        levels.append(levels[-1] * LEVEL_FACTOR)
    if max_iter < 4 * len(levels):
        return [reg]
    return levels[::-1]


def _iterate(kernel, marginal, log_q, log_v, max_iter, tol):
    """Iterate from ``log_v`` until every sample's error is within tol.

    Returns:
        tuple: log s = log(K^T u) of each sample, shape (B, L), its error,
        shape (B,), iterations done, and whether all are within tol.
    """
    device = log_q.device.type
    check_every = CHECK_EVERY.get(device, CHECK_EVERY_ELSEWHERE)
    min_work = MIN_WORK.get(device, MIN_WORK_ELSEWHERE)
    q = log_q.exp()
    # One plain iteration first, so that the pairs begin with a history and
    # the error is looked at where it is least: at an accelerated point.
    image = log_q - kernel.sweep(log_v, marginal)
    accelerated = Anderson(q, image, log_v - image)
    log_v = image
    all_log_s, all_errors, active = None, None, None
    for iteration in itertools.count(2, 2):
        log_s = kernel.sweep(log_v, marginal)
        # The column sums of the plan in hand are v s: the error is a
        # by-product of the half step.
        error = (log_v + log_s).exp_().sub_(q).abs_().sum(1, keepdim=True)
        last = iteration >= max_iter
        if iteration % check_every == 0 or last:
            # The one wait for the device. NaN counts as unsolved.
            converged = error.amax().item() <= tol
            stop = converged or last
            rows = None
            if not stop and len(q) * kernel.elements >= min_work:
                rows = _few_unsolved(error[:, 0] <= tol)
            if active is None:
                all_log_s, all_errors = log_s, error[:, 0]
            elif stop or rows is not None:
                all_log_s[active], all_errors[active] = log_s, error[:, 0]
            if stop:
                return all_log_s, all_errors, iteration, converged
            if rows is not None:
                # Solved samples leave the batch: one hard image does not
                # make all pay.
                active = rows if active is None else active[rows]
                accelerated.keep(rows)
                marginal, log_q, q, log_v, log_s, error = (
                    tensor[rows] for tensor in (marginal, log_q, q, log_v,
                                                log_s, error))
        image1 = log_q - log_s
        image2 = log_q - kernel.sweep(image1, marginal)
        log_v = accelerated.next_point(log_v, image1, image2, error)


def _few_unsolved(solved):
    """Indices of the unsolved samples if few enough of all.

    Args:
        solved (Tensor): shape (B,), bool.
    """
    rows = (~solved).nonzero()[:, 0]
    return rows if len(rows) <= MOST_LEFT * len(solved) else None
