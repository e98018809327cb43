import numpy as np
import ot
import pytest

from mmjtln.costs import ClassFeatures, WassersteinCost
from tests.test_costs.conftest import ToyImages, random_features


def test_distances_between_samples():
    source = random_features([1, 4], 3)
    target = random_features([3, 2], 3, 1)
    found = WassersteinCost().distances(source, target)[0]
    for i in range(2):
        for j in range(2):
            x, y = (
                d.of_class(k).double().numpy()
                for d, k in ((source, i), (target, j)))
            plan = ot.emd(ot.unif(len(x)), ot.unif(len(y)), ot.dist(x, y))
            assert found[i, j] == pytest.approx(
                (plan * ot.dist(x, y)).sum(), rel=1e-5)
    # Shifted samples: the squared shift.
    moved = ClassFeatures(source.features + 2, source.labels, 2)
    np.testing.assert_allclose(
        WassersteinCost().distances(source, moved)[0].diagonal(), 12,
        rtol=1e-5)


def test_the_related_class_is_the_nearest(source, model):
    cost = WassersteinCost()(source, ToyImages([3, 4, 5, 2], shift=25), model)
    assert cost.matrix.argmin(axis=0).tolist() == [0, 1, 2, 3]
    assert 'ot' in cost.versions
