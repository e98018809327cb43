"""A linear classifier fitted on the features of a frozen network."""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from mmjtln.errors import check_real, require


def cross_entropy(scores: np.ndarray,
                  labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean cross entropy of logits (N, L), and its gradient."""
    log_p = scipy.special.log_softmax(scores, axis=1)
    slope = np.exp(log_p)
    rows = np.arange(len(labels))
    slope[rows, labels] -= 1
    return -log_p[rows, labels].mean(), slope / len(labels)


#: From scores (N, L) and labels to a value and its gradient.
Loss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def fit_linear(features: np.ndarray, labels: np.ndarray,
               start: tuple[np.ndarray, np.ndarray],
               penalty: float | np.ndarray,
               loss: Loss = cross_entropy
               ) -> tuple[np.ndarray, np.ndarray]:
    r"""Fit a multinomial logistic regression that is pulled to a start.

    .. math::
        \min_{W, b} \frac{1}{N} \sum_n CE(y_n, W x_n + b)
        + penalty\, (\|W - W_0\|^2 + \|b - b_0\|^2)

    The problem is strictly convex, and its solution differs from the start
    only in the span of the images, so it is solved there: in N instead of D
    dimensions. (The bias is a weight of a constant feature.)

    Args:
        features (np.ndarray): Shape (N, D).
        labels (np.ndarray): Class indices, shape (N, ).
        start (tuple[np.ndarray, np.ndarray]): W_0, shape (L, D), and b_0,
            shape (L, ).
        penalty (float | np.ndarray): Positive; an array has one for each
            class, shape (L, ).
        loss (Callable): From scores (N, L) and labels to a value and its
            gradient (N, L). Defaults to :func:`cross_entropy`.

    Returns:
        tuple[np.ndarray, np.ndarray]: W, shape (L, D), and b, shape (L, ).

    Raises:
        ValueError: If the penalty is not positive, or counts differ.
    """
    for value in (penalties := np.atleast_1d(penalty).astype(float)):
        check_real(float(value), 'penalty', 'a fit', with_low=False)
    pull = np.broadcast_to(penalties, (len(start[1]), ))[:, None]
    require(len(features) == len(labels) > 0, 'A fit needs as many labels as '
            'features, one or more', f'got {len(labels)} and {len(features)}',
            'Give those of the same images')
    weight, bias = (np.asarray(part, dtype=np.float64) for part in start)
    inputs = np.c_[np.asarray(features, dtype=np.float64),
                   np.ones(len(features))]
    # With X = R^T Q, and W - W_0 = V Q, scores change by V R and norms not.
    basis, triangle = np.linalg.qr(inputs.T)
    first = inputs[:, :-1] @ weight.T + bias
    shape = len(bias), triangle.shape[0]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        change = flat.reshape(shape)
        value, slope = loss(first + (change @ triangle).T, labels)
        return (value + (pull * change**2).sum(),
                (slope.T @ triangle.T + 2 * pull * change).ravel())

    found = scipy.optimize.minimize(
        objective, np.zeros(np.prod(shape)), jac=True, method='L-BFGS-B',
        options=dict(maxiter=1000, gtol=1e-7, ftol=1e-12))
    change: np.ndarray = found.x.reshape(shape) @ basis.T
    return weight + change[:, :-1], bias + change[:, -1]


def weigh_start(scores: np.ndarray, labels: np.ndarray) -> float:
    r"""Weigh a classifier by a few images that it was not fitted on.

    .. math::
        \hat t = \arg\min_{t \ge 0} \sum_n CE(y_n, t (z_n - \bar z_n))

    Few images find a small t by chance, too. So a classifier that explains
    them better than none as it is (at t = 1) is never given less than 1.

    Args:
        scores (np.ndarray): Logits z, shape (N, L); their means over the
            classes do not count.
        labels (np.ndarray): Class indices, shape (N, ).

    Returns:
        float: t, 0 for a classifier that knows nothing of the images.
    """
    scores = scores - scores.mean(1, keepdims=True)

    def loss(t: float) -> float:
        return cross_entropy(t * scores, labels)[0]

    best = scipy.optimize.minimize_scalar(
        loss, bounds=(0, _LARGEST_WEIGHT), method='bounded',
        options=dict(xatol=1e-4)).x
    if loss(1.) < loss(0.):
        return max(float(best), 1.)
    return float(best) if loss(best) < loss(0.) else 0.


def weighed(features: np.ndarray, labels: np.ndarray,
            start: tuple[np.ndarray, np.ndarray]
            ) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Return the weight of a start by images (N, D), and the start scaled."""
    found = weigh_start(features @ start[0].T + start[1], labels)
    return found, (found * start[0], found * start[1])


def told_weight(weight: float) -> str:
    """Say what a weight of :func:`weigh_start` means."""
    if weight >= 1:
        return f'The names explain your images (weight {weight:.2f}).'
    if weight >= _LITTLE:
        return f'The names explain your images in part (weight {weight:.2f}).'
    return (f'The names do not explain your images (weight {weight:.2f}): the '
            'head starts from zero.' if weight < _NOTHING else
            f'The names hardly explain your images (weight {weight:.2f}).')


PENALTIES = (0.001, 0.01, 0.1, 1., 10.)
_LARGEST_WEIGHT, _LITTLE, _NOTHING = 10., 0.3, 0.05
#: Level with the best of them for one to ten images a class, in comparisons.
DEFAULT_PENALTY = 0.01
_MOST_FOLDS = 5


@dataclass(frozen=True)
class CrossValidation:
    """The best penalty, its accuracy in per cent, and how many folds."""

    penalty: float
    accuracy: float
    folds: int


def cross_validate(features: np.ndarray, labels: np.ndarray,
                   start: tuple[np.ndarray, np.ndarray],
                   penalties: tuple[float, ...] = PENALTIES,
                   weigh: bool = False) -> CrossValidation | None:
    """Choose a penalty by images held out, as many of each class.

    Its accuracy is on the images that chose it: a little too high.

    Args:
        features (np.ndarray): Shape (N, D).
        labels (np.ndarray): Class indices, shape (N, ).
        start (tuple[np.ndarray, np.ndarray]): As for
            :func:`~mmjtln.heads.fit_linear`.
        penalties (tuple[float, ...]): To choose from; of equals the first.
        weigh (bool): Scale the start by :func:`weigh_start` on the images
            that are not held out. Defaults to False.

    Returns:
        CrossValidation | None: None if a class has one image only, of which
        none can be held out.
    """
    counts = np.bincount(labels, minlength=len(start[1]))
    if counts.min() < 2:
        return None
    folds = min(_MOST_FOLDS, int(counts.min()))
    part = np.empty(len(labels), dtype=int)
    for label in range(len(counts)):
        part[labels == label] = np.arange(counts[label]) % folds
    best = None
    for penalty in penalties:
        right = 0
        for fold in range(folds):
            held = part == fold
            here = start if not weigh else weighed(
                features[~held], labels[~held], start)[1]
            weight, bias = fit_linear(features[~held], labels[~held], here,
                                      penalty)
            scores = features[held] @ weight.T + bias
            right += (scores.argmax(1) == labels[held]).sum()
        accuracy = 100 * right / len(labels)
        if best is None or accuracy > best.accuracy:
            best = CrossValidation(penalty, accuracy, folds)
    return best
