"""MK-MMD is that of its definition, however it is computed."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmjtln.costs import mkmmd as module
from mmjtln.registry import COSTS
from tests.test_costs.conftest import ToyImages, random_features

BANDWIDTHS = [2., 4., 8.]
COUNTS = st.lists(st.integers(2, 7), min_size=1, max_size=5)


def naive(source, target, bandwidths):
    """The definition, one pair of images at a time, in float64."""

    def mean(x, y):
        return np.mean([
            np.exp(-np.sum((a - b)**2) / s)
            for s in bandwidths for a in x for b in y])

    sides = [[domain.of_class(k).double().numpy()
              for k in range(domain.num_classes)]
             for domain in (source, target)]
    return np.array([[
        mean(x, x) + mean(y, y) - 2 * mean(x, y)
        for y in sides[1]
    ] for x in sides[0]])


@given(COUNTS, COUNTS, st.integers(1, 6), st.integers(0, 99),
       st.sampled_from([module._BLOCK, 16, 1]))
@settings(max_examples=25, deadline=None)
def test_values_are_those_of_the_definition(rows, columns, dimensions, seed,
                                            block):
    source = random_features(rows, dimensions, seed)
    target = random_features(columns, dimensions, seed + 1)
    old, module._BLOCK = module._BLOCK, block
    try:
        found = module.mkmmd(source, target, BANDWIDTHS)
    finally:
        module._BLOCK = old
    expected = naive(source, target, BANDWIDTHS)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


@given(COUNTS, st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_equal_classes_are_at_zero_and_all_costs_non_negative(
        counts, seed):
    domain = random_features(counts, 4, seed)
    found = module.mkmmd(domain, domain, BANDWIDTHS)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.diagonal(), 0, atol=1e-4)


def test_any_ratio_of_bandwidths():
    source, target = random_features([3, 4], 3), random_features([2, 5], 3, 1)
    widths = [1., 1.7, 1.7**2, 1.7**3]
    np.testing.assert_allclose(
        module.mkmmd(source, target, widths).numpy(),
        naive(source, target, widths),
        atol=2e-6)


def test_the_median_is_that_of_all_pairs():
    features = torch.randn(40, 5)
    pairs = [((a - b)**2).sum() for i, a in enumerate(features)
             for b in features[:i]]
    assert module.median_bandwidth(features) == pytest.approx(
        torch.stack(pairs).median().item(), rel=1e-5)


def test_the_median_of_many_images_is_drawn(monkeypatch):
    features = torch.randn(3000, 2)
    exact = torch.pdist(features).square().median().item()
    assert module.median_bandwidth(features) == pytest.approx(exact, rel=0.1)
    assert module.median_bandwidth(features, 3) == module.median_bandwidth(
        features, 3)


def test_collapsed_features_are_refused():
    with pytest.raises(ValueError, match='collapsed'):
        module.median_bandwidth(torch.ones(9, 3))


def test_the_related_class_is_the_nearest(source, model):
    target = ToyImages([3, 4, 5, 2], shift=25)
    builder = COSTS.build(dict(type='mmjtln.MKMMDCost'))
    cost = builder(source, target, model)
    assert cost.source_classes == ('red', 'green', 'blue', 'grey')
    assert cost.matrix.argmin(axis=0).tolist() == [0, 1, 2, 3]
    assert (cost.matrix.min(), cost.matrix.max()) == (0, 1)
    assert len(cost.settings['details']['bandwidths']) == 5
    assert builder(source, target, model).source_hash == cost.source_hash
