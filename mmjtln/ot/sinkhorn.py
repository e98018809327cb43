"""Sinkhorn iterations for a batch of marginals and one cost matrix."""
import math

import torch

from .kernel import build_kernel
from .precision import full_precision
from .result import SinkhornResult

# Between two looks at the error. On a GPU each look waits for the device.
CHECK_EVERY = {'cpu': 1}
CHECK_EVERY_ELSEWHERE = 4


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
    4 B L_s L_t operations; memory O(L_s L_t + B (L_s + L_t)).

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
        max_iter (int): Most iterations to do. Defaults to 1000.
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
    if swapped:
        log_p, log_q, cost_ = log_q, log_p, cost.t()
    else:
        cost_ = cost
    dtype = torch.promote_types(
        torch.promote_types(log_p.dtype, log_q.dtype), torch.float32)
    kernel, rows, columns, span, dtype = build_kernel(cost_, reg, dtype)
    log_p, log_q = log_p.to(dtype), log_q.to(dtype)

    # Zero mass as a finite number that is still zero in every product.
    finite_log_q = log_q.clamp(min=-2 * span - 1000)
    q = finite_log_q.exp()
    marginal = kernel.marginal(log_p)
    check_every = CHECK_EVERY.get(log_p.device.type, CHECK_EVERY_ELSEWHERE)
    log_v = finite_log_q
    for iteration in range(1, max_iter + 1):
        log_s = kernel.sweep(log_v, marginal)
        if iteration % check_every == 0 or iteration == max_iter:
            # The column sums of the plan in hand come with the half step.
            error = (log_v + log_s).exp_().sub_(q).abs_().sum(1)
            converged = bool(error.amax() <= tol)
            if converged or iteration == max_iter:
                break
        log_v = finite_log_q - log_s

    # Two more half steps, whose error can only be smaller, give zero mass
    # its true potential.
    log_v = log_q - log_s
    log_u = log_p - kernel.log_rows(log_v)
    f = log_u * reg + rows
    g = log_v * reg + columns
    if swapped:
        f, g, log_p, log_q = g, f, log_q, log_p
    f = f.masked_fill_(log_p == -math.inf, 0)
    g = g.masked_fill_(log_q == -math.inf, 0)
    centre = (log_p.exp() * f).sum(1, keepdim=True)
    f = (f - centre).masked_fill_(log_p == -math.inf, 0)
    g = (g + centre).masked_fill_(log_q == -math.inf, 0)
    return SinkhornResult(f, g, error, iteration, converged, log_u, log_v,
                          kernel, cost, swapped)
