"""Fitting a linear classifier on the features of a frozen network."""
from collections.abc import Callable

import numpy as np
import scipy


def cross_entropy(scores: np.ndarray,
                  labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean cross entropy and its gradient.

    Args:
        scores (np.ndarray): Logits, shape (N, L).
        labels (np.ndarray): Class indices, shape (N, ).
    """
    log_p = scipy.special.log_softmax(scores, axis=1)
    slope = np.exp(log_p)
    rows = np.arange(len(labels))
    slope[rows, labels] -= 1
    return -log_p[rows, labels].mean(), slope / len(labels)


def fit_linear(features: np.ndarray, labels: np.ndarray,
               start: tuple[np.ndarray, np.ndarray], penalty: float,
               loss: Callable = cross_entropy
               ) -> tuple[np.ndarray, np.ndarray]:
    r"""Fit a multinomial logistic regression that is pulled to a start.

    .. math::
        \min_{W, b} \frac{1}{N} \sum_n CE(y_n, W x_n + b)
        + penalty\, (\|W - W_0\|^2 + \|b - b_0\|^2)

    From a start of zeros it is the usual one with an L2 penalty. The problem
    is strictly convex, and its solution differs from the start only in the
    span of the images, so it is solved there: in N instead of D dimensions.
    (The bias is a weight of a constant feature, and is pulled as the others.)

    Args:
        features (np.ndarray): Shape (N, D).
        labels (np.ndarray): Class indices, shape (N, ).
        start (tuple[np.ndarray, np.ndarray]): W_0, shape (L, D), and b_0,
            shape (L, ).
        penalty (float): Positive.
        loss (Callable): From scores (N, L) and labels to a value and its
            gradient (N, L). Defaults to :func:`cross_entropy`.

    Returns:
        tuple[np.ndarray, np.ndarray]: W, shape (L, D), and b, shape (L, ).

    Raises:
        ValueError: If the penalty is not positive, or features and labels are
            not of the same images.
    """
    if not penalty > 0:
        raise ValueError('The penalty of a fit must be positive, got '
                         f'{penalty!r}.')
    if len(features) != len(labels) or not len(labels):
        raise ValueError(
            'A fit needs as many labels as features, one or more, got '
            f'{len(labels)} and {len(features)}.')
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
        return (value + penalty * (change**2).sum(),
                (slope.T @ triangle.T + 2 * penalty * change).ravel())

    found = scipy.optimize.minimize(
        objective, np.zeros(np.prod(shape)), jac=True, method='L-BFGS-B',
        options=dict(maxiter=1000, gtol=1e-7, ftol=1e-12))
    change = found.x.reshape(shape) @ basis.T
    return weight + change[:, :-1], bias + change[:, -1]
