"""A linear classifier fitted on the features of a frozen network."""
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy

from mmjtln.errors import check_real, require

#: Weights W, shape (L, D), and biases b, shape (L, ).
Head = tuple[np.ndarray, np.ndarray]
_LARGEST_WEIGHT = 10.


def cross_entropy(scores: np.ndarray, labels: np.ndarray,
                  weights: np.ndarray | float = 1.
                  ) -> tuple[float, np.ndarray]:
    """Return the mean cross entropy of logits, weighted, and its gradient."""
    log_p = scipy.special.log_softmax(scores, axis=1)
    slope = np.exp(log_p)
    rows = np.arange(len(labels))
    slope[rows, labels] -= 1
    shares = np.broadcast_to(weights, len(labels)) / len(labels)
    return -float(shares @ log_p[rows, labels]), shares[:, None] * slope


#: From scores (N, L) and labels to a value and its gradient.
Loss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def loss_of(labels: np.ndarray, balanced: bool) -> Loss:
    """Return :func:`cross_entropy`, or with all classes counting the same."""
    if not balanced:
        return cross_entropy
    counts = np.bincount(labels)
    return partial(cross_entropy, weights=len(labels) / (
        (counts > 0).sum() * counts[labels]))


def fit_linear(features: np.ndarray, labels: np.ndarray,
               start: Head, penalty: float | np.ndarray,
               loss: Loss = cross_entropy) -> Head:
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
        start (Head): W_0, shape (L, D), and b_0, shape (L, ).
        penalty (float | np.ndarray): Positive; an array has one for each
            class, shape (L, ).
        loss (Loss): Defaults to :func:`cross_entropy`.

    Returns:
        Head: W, shape (L, D), and b, shape (L, ).

    Raises:
        ValueError: If the penalty is not positive, or counts differ.
    """
    for value in (penalties := np.atleast_1d(penalty)):
        check_real(float(value), 'penalty', 'a fit', with_low=False)
    pull = np.broadcast_to(penalties, (len(start[1]), ))[:, None]
    require(len(features) == len(labels) > 0, 'A fit needs as many labels as '
            'features, one or more', f'got {len(labels)} and {len(features)}',
            'Give those of the same images')
    weight, bias = start
    inputs = np.c_[features, np.ones(len(features))]  # In float64.
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


def weigh_start(scores: np.ndarray, labels: np.ndarray,
                balanced: bool = False) -> float:
    r"""Weigh a classifier by a few images that it was not fitted on.

    .. math::
        \hat t = \arg\min_{t \ge 0} \sum_n CE(y_n, t z_n)

    Few images find a small t by chance, too. So a classifier that explains
    them better than none as it is (at t = 1) is never given less than 1, and
    one that knows nothing of them gets 0.

    Args:
        scores (np.ndarray): Logits z, shape (N, L).
        labels (np.ndarray): Class indices, shape (N, ).
        balanced (bool): Whether classes count the same. Defaults to False.
    """
    def loss(t: float) -> float:
        return loss_of(labels, balanced)(t * scores, labels)[0]

    best = scipy.optimize.minimize_scalar(
        loss, bounds=(0, _LARGEST_WEIGHT), method='bounded').x
    if loss(1.) < loss(0.):
        return max(float(best), 1.)
    return float(best) if loss(best) < loss(0.) else 0.


def weighed(features: np.ndarray, labels: np.ndarray, *starts: Head,
            balanced: bool = False) -> tuple[np.ndarray, Head]:
    """Weigh one start or several, a classifier of features (N, D) each.

    The mixture of several is that which explains the images best; it is then
    weighed as one, see :func:`weigh_start`. Returned are the weight of each,
    shape (S, ), and the sum of all, so weighed.
    """
    scores = np.array([features @ weight.T + bias for weight, bias in starts])
    measure = loss_of(labels, balanced)

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = measure(np.tensordot(shares, scores, 1), labels)
        return value, (scores * slope).sum((1, 2))

    found = scipy.optimize.minimize(
        loss, np.full(len(starts), 1 / len(starts)), jac=True,
        method='L-BFGS-B', bounds=[(0, _LARGEST_WEIGHT)] * len(starts)).x
    shares = found / (found.sum() or 1.)
    weights = shares * weigh_start(
        np.tensordot(shares, scores, 1), labels, balanced)
    return weights, tuple(
        sum(weight * part for weight, part in zip(weights, parts, strict=True))
        for parts in zip(*starts, strict=True))


def told_weight(weight: float) -> str:
    """Say what a weight of :func:`weigh_start` means."""
    if weight >= 1:
        return f'The names explain your images (weight {weight:.2f}).'
    return (f'The names explain little of your images (weight {weight:.2f}).'
            if weight else 'The names do not explain your images: the head '
            'starts from zero.')
