"""From raw distances to a cost matrix: cap, centre, scale, temper."""
import logging

import numpy as np
from mmengine.logging import print_log


def double_centre(matrix: np.ndarray) -> np.ndarray:
    r"""Take row and column means out of a matrix.

    .. math::
        C_{ij} - \bar C_{i\cdot} - \bar C_{\cdot j} + \bar C_{\cdot\cdot}

    A constant added to a row or a column of C leaves the optimal plan as it
    is but tilts the gradients of the marginals; domain shift adds such
    constants to feature distances.

    Args:
        matrix (np.ndarray): Shape (L_s, L_t).

    Returns:
        np.ndarray: Shape (L_s, L_t); all row and column means are zero.
    """
    rows = matrix.mean(axis=1, keepdims=True)
    columns = matrix.mean(axis=0, keepdims=True)
    return matrix - rows - columns + matrix.mean()


def normalise(matrix: np.ndarray,
              cap: float | None = None,
              centre: bool = False,
              scale: bool = True,
              temperature: float = 1.0) -> np.ndarray:
    """Turn raw distances into costs, in this order.

    1. ``cap``: entries above this quantile of all entries are lowered to it,
       lest a few outlying pairs squeeze all others together in step 3;
    2. ``centre``: :func:`double_centre`;
    3. ``scale``: (C - min C) / (max C - min C), so that C covers [0, 1];
       without it, C is shifted up to min C = 0 if it has negative entries;
    4. ``temperature``: C / temperature. As
       W_eps(p, q; C / T) = W_{eps T}(p, q; C) / T, a temperature below 1
       sharpens the plan like a smaller ``reg`` and raises the term's weight.

    Args:
        matrix (np.ndarray): Finite raw distances, shape (L_s, L_t).
        cap (float, optional): Quantile in (0, 1). Defaults to None, no cap.
        centre (bool): Whether to double-centre. Defaults to False.
        scale (bool): Whether to scale to [0, 1]. Defaults to True.
        temperature (float): Positive divisor. Defaults to 1.

    Returns:
        np.ndarray: Non-negative costs, shape (L_s, L_t), float64.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if cap is not None:
        matrix = np.minimum(matrix, np.quantile(matrix, cap))
    # What rounding leaves of a constant matrix must not be blown up.
    noise = 1e-12 * np.abs(matrix).max()
    if centre:
        matrix = double_centre(matrix)
    low, high = matrix.min(), matrix.max()
    if scale:
        if high - low <= noise:
            print_log(
                'All entries of the cost matrix are equal: it tells the OT '
                'term nothing about how the classes are related.',
                logger='current',
                level=logging.WARNING)
            matrix = np.zeros_like(matrix)
        else:
            matrix = (matrix - low) / (high - low)
    elif low < 0:
        matrix = matrix - low
    return matrix / temperature
