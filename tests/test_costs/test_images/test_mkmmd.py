import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmjtln.costs import ClassFeatures, MKMMDCost
from mmjtln.costs import mkmmd as module
from mmjtln.registry import COSTS
from tests.test_costs.conftest import ToyImages, random_features

BANDWIDTHS = [2., 4., 8.]
COUNTS = st.lists(st.integers(2, 7), min_size=1, max_size=5)


def naive(source, target, bandwidths, biased):
    """The definition, one pair of images at a time, in float64."""

    def mean(x, y, same):
        values = [
            np.mean([np.exp(-np.sum((a - b)**2) / s) for s in bandwidths])
            for i, a in enumerate(x) for j, b in enumerate(y)
            if biased or not same or i != j
        ]
        return np.mean(values)

    sides = [[domain.of_class(k).double().numpy()
              for k in range(domain.num_classes)]
             for domain in (source, target)]
    return np.array([[
        mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)
        for y in sides[1]
    ] for x in sides[0]])


@given(COUNTS, COUNTS, st.integers(1, 6), st.booleans(), st.integers(0, 99),
       st.sampled_from([module._BLOCK, 16, 1]))
@settings(max_examples=25, deadline=None)
def test_values_are_those_of_the_definition(rows, columns, dimensions, biased,
                                            seed, block):
    source = random_features(rows, dimensions, seed)
    target = random_features(columns, dimensions, seed + 1)
    old, module._BLOCK = module._BLOCK, block
    try:
        found = module.mkmmd(source, target, BANDWIDTHS, biased)
    finally:
        module._BLOCK = old
    expected = naive(source, target, BANDWIDTHS, biased)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-6)


@given(COUNTS, st.floats(-1e3, 1e3), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_equal_classes_are_at_zero_and_all_costs_non_negative(
        counts, offset, seed):
    domain = random_features(counts, 4, seed)
    domain.features += offset
    found = module.mkmmd(domain, domain, BANDWIDTHS)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.diagonal(), 0, atol=1e-4)


def test_any_ratio_of_bandwidths():
    source, target = random_features([3, 4], 3), random_features([2, 5], 3, 1)
    widths = [1., 1.7, 1.7**2, 1.7**3]
    np.testing.assert_allclose(
        module.mkmmd(source, target, widths).numpy(),
        naive(source, target, widths, True),
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


@pytest.mark.parametrize('options', [
    dict(num_kernels=0), dict(kernel_mul=1), dict(bandwidth=0),
])
def test_options_are_checked(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        MKMMDCost(**options)


def test_the_related_class_is_the_nearest(source, model):
    target = ToyImages([3, 4, 5, 2], shift=25)
    builder = COSTS.build(dict(type='mmjtln.MKMMDCost'))
    cost = builder(source, target, model)
    assert cost.source_classes == ('red', 'green', 'blue', 'grey')
    assert cost.matrix.argmin(axis=0).tolist() == [0, 1, 2, 3]
    assert (cost.matrix.min(), cost.matrix.max()) == (0, 1)
    assert len(cost.settings['details']['bandwidths']) == 5
    assert builder(source, target, model).source_hash == cost.source_hash


def test_the_unbiased_estimate_needs_two_images(target, model):
    source = ToyImages([2, 1, 2], ['a', 'b', 'c'])
    MKMMDCost()(source, target, model)
    with pytest.raises(ValueError, match=r"2 or more.*'b \(1\)'"):
        MKMMDCost(biased=False).check(source, target)
    with pytest.raises(ValueError, match='samples_per_class=1'):
        MKMMDCost(biased=False, samples_per_class=1).check(source, target)


def test_unbiased_costs_are_shifted_not_cut(source, model):
    builder = MKMMDCost(biased=False, scale=False)
    features = [random_features([5] * 3, 4)] * 2
    assert builder.distances(*features)[0].min() < 0
    cost = builder(source, source, model)
    assert cost.matrix.min() == 0
    assert (cost.matrix > 0).sum() == 15


def test_centring_takes_a_domain_shift_out():
    source, target = random_features([5] * 4, 6), random_features([5] * 4, 6)
    shifted = ClassFeatures(target.features + 7, target.labels, 4)
    np.testing.assert_allclose(
        module.mkmmd(source.centred(), shifted.centred(), BANDWIDTHS),
        module.mkmmd(source.centred(), target.centred(), BANDWIDTHS),
        atol=1e-5)
    uneven = random_features([2, 9, 4], 3)
    np.testing.assert_allclose(
        uneven.centred().means().mean(0), 0, atol=1e-6)


def test_standardising_takes_a_change_of_scale_out():
    domain = random_features([4, 9, 6], 5)
    scales = torch.tensor([.1, 1, 2, 9, 30])
    scaled = ClassFeatures(domain.features * scales, domain.labels, 3)
    plain = domain.centred().standardised().features
    # All but the addition of a tenth of the mean deviation.
    ratio = scaled.centred().standardised().features.std(0) / plain.std(0)
    assert ratio[2:].min() > 0.3 and ratio.max() < 1.2
    assert (ratio.diff() > 0).all()
    once = ClassFeatures(domain.features, domain.labels, 3).standardised()
    spread = once.centred().standardised().features.std(0)
    np.testing.assert_allclose(spread, plain.std(0), rtol=0.2)


def test_standardising_what_does_not_vary_changes_nothing():
    domain = ClassFeatures(torch.ones(3, 2), torch.arange(3), 3)
    assert torch.equal(domain.standardised().features, domain.features)
