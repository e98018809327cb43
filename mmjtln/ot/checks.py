"""What the solver accepts."""
import math

import torch
from torch import Tensor

# Further out float32 has no number for reg or for what is divided by it.
LEAST_REG, LARGEST_REG = 1e-30, 1e30


def check_options(reg: float, max_iter: int, tol: float) -> None:
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
    if not LEAST_REG <= reg <= LARGEST_REG:
        raise ValueError(f'reg must lie between {LEAST_REG} and '
                         f'{LARGEST_REG}, got {reg!r}; set reg to a value '
                         'of the order of the costs, such as 0.1')
    if isinstance(max_iter, bool) or not isinstance(max_iter, int):
        raise TypeError(f'max_iter must be an integer, got {max_iter!r} '
                        f'({type(max_iter).__name__}); set max_iter to a '
                        'positive integer such as 1000')
    if max_iter < 1:
        raise ValueError(f'max_iter must be at least 1, got {max_iter}; set '
                         'max_iter to a positive integer such as 1000')


def check_shapes(log_p: Tensor, log_q: Tensor, cost: Tensor) -> None:
    """Check what :func:`~mmjtln.ot.sinkhorn` is given to solve.

    Raises:
        TypeError: If one is no floating point tensor.
        ValueError: If the shapes are not (B, L_s), (B, L_t) and (L_s, L_t).
    """
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
