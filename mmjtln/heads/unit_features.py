"""Features centred and of one length, as a step before a linear layer."""
import numpy as np

#: Added to the mean square of a feature vector, as LayerNorm does.
EPS = 1e-5


def normalised(features: np.ndarray, centre: np.ndarray) -> np.ndarray:
    r"""Centre features and give them the length sqrt(D).

    :math:`z = u / \sqrt{\overline{u^2} + \epsilon}` with :math:`u = x - c -
    \overline{x - c}`: a LayerNorm of what is left of the centre, so that a
    stock head with one hidden layer can do it.

    Args:
        features (np.ndarray): Shape (N, D).
        centre (np.ndarray): c, shape (D, ).

    Returns:
        np.ndarray: Shape (N, D).
    """
    rest = features - centre
    rest = rest - rest.mean(1, keepdims=True)
    return rest / np.sqrt((rest**2).mean(1, keepdims=True) + EPS)


def unit_start(weight: np.ndarray, bias: np.ndarray, features: np.ndarray,
               centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Translate a classifier of plain features to normalised ones.

    Exact for a feature vector as long as those given are in the mean, but
    for the part along the vector of ones, which normalisation takes out.

    Args:
        weight (np.ndarray): Shape (L, D).
        bias (np.ndarray): Shape (L, ).
        features (np.ndarray): Plain features, shape (N, D).
        centre (np.ndarray): c, shape (D, ).

    Returns:
        tuple[np.ndarray, np.ndarray]: Of the same shapes.
    """
    rest = features - centre
    rest = rest - rest.mean(1, keepdims=True)
    length = np.sqrt((rest**2).mean(1) + EPS).mean()
    return weight * length, bias + weight @ centre
