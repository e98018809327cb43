"""Fitting a linear classifier on the features of a frozen network."""
import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax


def fit_linear(features: np.ndarray, labels: np.ndarray,
               start: tuple[np.ndarray, np.ndarray],
               penalty: float) -> tuple[np.ndarray, np.ndarray]:
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
    hits = np.eye(len(bias))[labels]
    shape = len(bias), triangle.shape[0]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        change = flat.reshape(shape)
        log_p = log_softmax(first + (change @ triangle).T, axis=1)
        value = -(hits * log_p).sum() / len(hits)
        slope = (np.exp(log_p) - hits).T @ triangle.T / len(hits)
        return (value + penalty * (change**2).sum(),
                (slope + 2 * penalty * change).ravel())

    found = minimize(objective, np.zeros(np.prod(shape)), jac=True,
                     method='L-BFGS-B', options=dict(
                         maxiter=1000, gtol=1e-7, ftol=1e-12))
    change = found.x.reshape(shape) @ basis.T
    return weight + change[:, :-1], bias + change[:, -1]
