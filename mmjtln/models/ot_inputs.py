"""What an OTLoss accepts: cost matrices, logits, labels."""
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from mmjtln.costs import CostMatrix


def check_logits(source_logits: Tensor, target_logits: Tensor,
                 shape: tuple[int, int]) -> None:
    """Check that both are predictions, or one labels, of the same samples.

    Args:
        source_logits (Tensor): Shape (B, L_s), or labels, int64, (B,).
        target_logits (Tensor): Shape (B, L_t), or labels likewise.
        shape (tuple[int, int]): That of the cost matrix, (L_s, L_t).

    Raises:
        TypeError: If one is neither.
        ValueError: If the shapes do not fit, or both are labels.
    """
    for name, logits, count in zip(
        ('source_logits', 'target_logits'),
        (source_logits, target_logits), shape, strict=True):
        if is_label(logits):
            continue
        if not torch.is_tensor(logits) or not logits.is_floating_point():
            raise TypeError(
                f'{name} must be a floating point tensor, or int64 labels '
                'of shape (B,), got '
                f'{getattr(logits, "dtype", type(logits).__name__)}; '
                'pass the raw outputs of the head')
        if logits.dim() != 2 or logits.shape[1] != count:
            raise ValueError(
                f'{name} must have shape (B, {count}), as the cost '
                f'matrix {tuple(shape)} has it, got '
                f'{tuple(logits.shape)}; change the class counts of '
                'heads or OTLoss')
    if len(source_logits) != len(target_logits):
        raise ValueError(
            'source_logits and target_logits must be of the same '
            f'samples, got {len(source_logits)} and '
            f'{len(target_logits)} rows; pass both logits of each image')
    if is_label(source_logits) and is_label(target_logits):
        raise ValueError(
            'one of source_logits and target_logits must be a '
            'prediction, got labels for both; pass the logits of one')


def is_label(marginal: Tensor) -> bool:
    """Whether a marginal is given by class labels, int64, shape (B,)."""
    return (torch.is_tensor(marginal) and marginal.dtype == torch.int64
            and marginal.dim() == 1)


def as_cost(cost: 'CostMatrix | Tensor | np.ndarray | list') -> Tensor:
    """Read a matrix as float32, of a CostMatrix its entries.

    Raises:
        TypeError: If it holds no numbers.
        ValueError: If it is no matrix.
    """
    cost = getattr(cost, 'matrix', cost)
    try:
        cost = torch.as_tensor(cost, dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            'cost must be a matrix of numbers (tensor, array or nested '
            f'lists), got {type(cost).__name__}: {error}') from error
    if cost.dim() != 2:
        raise ValueError('cost must be a matrix (L_s, L_t), got shape '
                         f'{tuple(cost.shape)}')
    return cost
