import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmjtln.costs import ClassFeatures, WassersteinCost, wasserstein
from tests.test_costs.conftest import ToyImages, random_features

COUNTS = st.lists(st.integers(2, 7), min_size=1, max_size=4)


def gaussian(domain, k):
    """Mean and covariance of a class, in float64."""
    x = domain.of_class(k).double().numpy()
    covariance = np.cov(x, rowvar=False, bias=True)
    return x.mean(0), covariance.reshape(x.shape[1], x.shape[1])


@given(COUNTS, COUNTS, st.integers(1, 5), st.integers(0, 99),
       st.sampled_from([wasserstein._BLOCK, 1]))
@settings(max_examples=20, deadline=None)
def test_gaussian_distances_of_few_images(rows, columns, dimensions, seed,
                                          block):
    source = random_features(rows, dimensions, seed)
    target = random_features(columns, dimensions, seed + 1)
    old, wasserstein._BLOCK = wasserstein._BLOCK, block
    try:
        found = wasserstein.gaussian_w2(source, target).numpy()
    finally:
        wasserstein._BLOCK = old
    for i in range(len(rows)):
        for j in range(len(columns)):
            (a, s), (b, t) = gaussian(source, i), gaussian(target, j)
            # The trace of the root, by the eigenvalues of the product: POT's
            # matrix roots fail on singular covariances.
            roots = np.sqrt(np.linalg.eigvals(s @ t).real.clip(0)).sum()
            expected = ((a - b)**2).sum() + np.trace(s + t) - 2 * roots
            assert found[i, j] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_gaussian_distances_are_pots():
    source, target = random_features([9, 30], 4), random_features([7], 4, 1)
    found = wasserstein.gaussian_w2(source, target)
    for i in range(2):
        (a, s), (b, t) = gaussian(source, i), gaussian(target, 0)
        expected = ot.gaussian.bures_wasserstein_distance(a, b, s, t)**2
        assert found[i, 0].item() == pytest.approx(expected, rel=1e-5)


def test_gaussians_of_one_dimension_in_closed_form():
    x = ClassFeatures(torch.tensor([[1.], [3.]]), torch.tensor([0, 0]), 1)
    y = ClassFeatures(torch.tensor([[0.], [8.]]), torch.tensor([0, 0]), 1)
    # Means 2 and 4, standard deviations 1 and 4.
    assert wasserstein.gaussian_w2(x, y).item() == pytest.approx(4 + 9)


def test_distances_between_samples():
    source = random_features([1, 4], 3)
    target = random_features([3, 2], 3, 1)
    found = wasserstein.sample_w2(source, target)
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
        wasserstein.sample_w2(source, moved).diagonal(), 12, rtol=1e-5)


def test_bad_input_is_refused(target, model):
    with pytest.raises(ValueError, match='form'):
        WassersteinCost('bures')
    source = ToyImages([2, 1], ['a', 'b'])
    with pytest.raises(ValueError, match=r"2 or more.*'b \(1\)'"):
        WassersteinCost().check(source, target)
    WassersteinCost('samples').check(source, target)


@pytest.mark.parametrize('form', ['gaussian', 'samples'])
def test_the_related_class_is_the_nearest(source, model, form):
    cost = WassersteinCost(form)(source, ToyImages([3, 4, 5, 2], shift=25),
                                 model)
    assert cost.matrix.argmin(axis=0).tolist() == [0, 1, 2, 3]
    assert 'ot' in cost.versions
