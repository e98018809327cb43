"""Class indices, sorted by class."""
import numpy as np

from mmjtln.datasets.contents import images_by_class


def test_images_by_class():
    """As a search for each class finds them, empty classes included."""
    labels = np.random.default_rng(0).integers(0, 7, 100)
    labels[labels == 3] = 8  # Of no class that is asked for.
    found = images_by_class(labels, 8)
    assert len(found) == 8 and len(found[3]) == 0
    for label, indices in enumerate(found):
        assert (indices == np.flatnonzero(labels == label)).all()
    assert [len(part) for part in images_by_class(labels[:0], 2)] == [0, 0]
