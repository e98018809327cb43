"""Random costs are costs of the right shape that only the seed decides."""
from types import SimpleNamespace

import numpy as np

from mmjtln.costs import RandomCost


def classes(*names):
    return SimpleNamespace(metainfo=dict(classes=names))


def test_only_the_seed_decides():
    """Scaled to [0, 1] as other costs, and no two rows alike."""
    source, target = classes('a', 'b', 'c', 'd'), classes('x', 'y', 'z')
    first, again, other = (
        RandomCost(seed=seed)(source, target) for seed in (1, 1, 2))
    assert first.matrix.shape == (4, 3)
    assert first.matrix.min() == 0 and first.matrix.max() == 1
    np.testing.assert_array_equal(first.matrix, again.matrix)
    assert (first.matrix != other.matrix).any()
    assert len(np.unique(first.matrix, axis=0)) == 4
    assert (first.source_classes, first.target_classes) == (
        ('a', 'b', 'c', 'd'), ('x', 'y', 'z'))
