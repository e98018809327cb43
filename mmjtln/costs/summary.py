"""A cost matrix in words."""
import numpy as np
import scipy

from .cost_matrix import CostMatrix

# Differences of costs, relative to their range, that do not count.
_TIE = 1e-6


def summarise(cost: CostMatrix,
              top: int = 3,
              reg: float = 0.1,
              lines: int = 50) -> str:
    """Describe a cost matrix for a person to judge.

    Args:
        cost (CostMatrix): The matrix.
        top (int): Nearest classes to name. Defaults to 3.
        reg (float): The OT loss's ``reg``, for the entropy of the
            pseudo-label softmax(-C / reg) that the loss gives when the other
            side is sure. Defaults to 0.1.
        lines (int): Classes of each side to list. Defaults to 50.

    Returns:
        str: Size, range, ties, entropy, and nearest classes both ways.
    """
    matrix = cost.matrix
    report = [
        f'{cost.method or "cost matrix"}: {matrix.shape[0]} source x '
        f'{matrix.shape[1]} target classes',
        f'range {matrix.min():.3g} to {matrix.max():.3g}, median '
        f'{np.median(matrix):.3g}',
    ]
    for name, view in (('target', matrix.T), ('source', matrix)):
        entropy = scipy.special.entr(
            scipy.special.softmax(-view / reg, axis=1)).sum(axis=1)
        report.append(
            f'{name} classes: {share_of_ties(view):.0%} have a tie for the '
            f'nearest; pseudo-label at reg {reg:g}: entropy '
            f'{entropy.mean():.2f} nats, as of '
            f'{np.exp(entropy.mean()):.1f} equal classes of {view.shape[1]}')
    for title, view, names, others in (
        ('nearest source classes of each target class', matrix.T,
         cost.target_classes, cost.source_classes),
        ('nearest target classes of each source class', matrix,
         cost.source_classes, cost.target_classes)):
        report += ['', f'{title}:']
        width = max(len(name) for name in names[:lines])
        for name, row in zip(names[:lines], view, strict=False):
            nearest = np.argsort(row, kind='stable')[:top]
            report.append(f'  {name:<{width}}  ' + ', '.join(
                f'{others[k]} {row[k]:.3f}' for k in nearest))
        if len(names) > lines:
            report.append(f'  ... and {len(names) - lines} more')
    return '\n'.join(report)


def share_of_ties(matrix: np.ndarray) -> float:
    """Share of the rows whose least entry comes twice.

    Args:
        matrix (np.ndarray): Shape (N, L). Entries closer than a millionth of
            the range of the matrix count as equal.

    Returns:
        float: In [0, 1]; 0 for L = 1.
    """
    if matrix.shape[1] == 1:
        return 0.0
    least = np.partition(matrix, 1, axis=1)
    gap = least[:, 1] - least[:, 0]
    return float((gap <= _TIE * np.ptp(matrix)).mean())
