"""How strong the pull shall be, and what it is worth, on images held out."""
from dataclasses import dataclass

import numpy as np

from .frozen_fit import fit_linear

PENALTIES = (0.001, 0.01, 0.1, 1.)
#: Level with the best of them for one to ten images a class, in comparisons.
DEFAULT_PENALTY = 0.01
_MOST_FOLDS = 5


@dataclass(frozen=True)
class HeldOut:
    """What cross-validation found.

    Args:
        penalty (float): The one of the best accuracy.
        accuracy (float): In per cent, of that penalty.
        folds (int): Into how many parts the images were split.
    """

    penalty: float
    accuracy: float
    folds: int


def cross_validate(features: np.ndarray, labels: np.ndarray,
                   start: tuple[np.ndarray, np.ndarray],
                   penalties: tuple[float, ...] = PENALTIES
                   ) -> HeldOut | None:
    """Choose a penalty by images held out, as many of each class.

    The accuracy is that of the best penalty on the images that chose it: a
    little too high, as much for one start as for another.

    Args:
        features (np.ndarray): Shape (N, D).
        labels (np.ndarray): Class indices, shape (N, ).
        start (tuple[np.ndarray, np.ndarray]): As for
            :func:`~mmjtln.heads.fit_linear`.
        penalties (tuple[float, ...]): To choose from; of equals the first.

    Returns:
        HeldOut | None: None if a class has one image only, of which none can
        be held out.
    """
    counts = np.bincount(labels, minlength=len(start[1]))
    if counts.min() < 2:
        return None
    folds = min(_MOST_FOLDS, counts.min())
    part = np.empty(len(labels), dtype=int)
    for label in range(len(counts)):
        part[labels == label] = np.arange(counts[label]) % folds
    best = None
    for penalty in penalties:
        right = 0
        for fold in range(folds):
            held = part == fold
            weight, bias = fit_linear(features[~held], labels[~held], start,
                                      penalty)
            scores = features[held] @ weight.T + bias
            right += (scores.argmax(1) == labels[held]).sum()
        accuracy = 100 * right / len(labels)
        if best is None or accuracy > best.accuracy:
            best = HeldOut(penalty, accuracy, folds)
    return best
