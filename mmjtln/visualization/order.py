"""An order of classes that puts related ones side by side."""
import numpy as np
import scipy

# Leaves up to which the best of all orders of a dendrogram is sought.
_OPTIMAL = 300


def clustered_order(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order the rows and columns of a matrix so that its blocks show.

    Columns are ordered by average-linkage clustering, so that target classes
    with alike costs are neighbours (Z. Bar-Joseph et al., "Fast optimal leaf
    ordering", 2001, up to 300 classes). Rows then follow the columns they are
    nearest to, so that related pairs run down the diagonal.

    Args:
        matrix (np.ndarray): Costs, shape (L_s, L_t).

    Returns:
        tuple: Row indices (L_s,) and column indices (L_t,).
    """
    columns = _cluster(matrix.T)
    ordered = matrix[:, columns]
    # Ties in the nearest column are broken by the cost itself.
    nearest = ordered.argmin(axis=1)
    rows = np.lexsort((ordered.min(axis=1), nearest))
    return rows, columns


def _cluster(points: np.ndarray) -> np.ndarray:
    if len(points) < 3:
        return np.arange(len(points))
    distances = scipy.spatial.distance.pdist(points)
    hierarchy = scipy.cluster.hierarchy
    tree = hierarchy.linkage(distances, 'average')
    if len(points) <= _OPTIMAL:
        tree = hierarchy.optimal_leaf_ordering(tree, distances)
    return hierarchy.leaves_list(tree)
