"""What all builders do: tell how they were set, refuse, normalise."""
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mmjtln.costs import BaseCost, RawCost
from mmjtln.costs.base import normalise
from tests.test_costs.conftest import Named


class Fixed(BaseCost):
    """Gives back what it is given."""

    def __init__(self, matrix, **kwargs):
        super().__init__(**kwargs)
        self.matrix = matrix

    def prepare(self, source_dataset, target_dataset, model):
        pass

    def measure(self, prepared):
        return RawCost(np.array(self.matrix), 'hash', dict(seen=True))


AB, XY = Named('a', 'b'), Named('x', 'y')


def test_a_builder_tells_how_it_was_set():
    cost = Fixed([[0, 2], [4, 1]], double_centre=False)(AB, XY)
    assert cost.matrix.tolist() == [[0, .5], [1, .25]]
    assert (cost.method, cost.source_hash) == ('Fixed', 'hash')
    assert cost.settings['double_centre'] is False
    assert cost.settings['matrix'] == [[0, 2], [4, 1]]
    assert cost.settings['details'] == dict(seen=True)
    assert {'mmjtln', 'numpy'} <= set(cost.versions)
    json.dumps(cost.settings)


def test_non_finite_distances_are_blamed_on_their_classes():
    with pytest.raises(ValueError, match="'b' and target class 'x'"):
        Fixed([[0, 1], [np.nan, 1]])(AB, XY)


@pytest.mark.parametrize('source, words', [
    (Named('a', 'a'), "source class list must hold.*unique.*'a'"),
    (Named(), 'empty'),
    (object(), 'has no class names'),
    (type('D', (), dict(metainfo={})), 'has no class names'),
])
@pytest.mark.parametrize('act', ['check', '__call__'])
def test_class_lists_are_checked(source, words, act):
    with pytest.raises(ValueError, match=words):
        getattr(Fixed([[0]]), act)(source, XY)


MATRICES = arrays(
    float,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-1e6, 1e6))


@given(MATRICES)
@settings(max_examples=50, deadline=None)
def test_scaled_costs_cover_the_unit_interval(matrix):
    costs = normalise(matrix)
    assert costs.min() == 0
    constant = np.ptp(matrix) <= 1e-12 * np.abs(matrix).max()
    assert costs.max() == pytest.approx(0 if constant else 1)


@given(MATRICES)
@settings(max_examples=50, deadline=None)
def test_unscaled_costs_keep_their_differences(matrix):
    costs = normalise(matrix, scale=False)
    assert costs.min() >= 0
    np.testing.assert_allclose(
        costs - costs[0, 0], matrix - matrix[0, 0], atol=1e-8)
    if matrix.min() >= 0:
        assert np.array_equal(costs, matrix)


@given(MATRICES)
@settings(max_examples=50, deadline=None)
def test_double_centring_forgets_row_and_column_constants(matrix):
    rng = np.random.default_rng(0)
    rows, columns = rng.normal(size=(len(matrix), 1)), rng.normal(
        size=(1, matrix.shape[1]))
    centred, shifted = (normalise(given, double_centre=True, scale=False)
                        for given in (matrix, matrix + rows + columns))
    np.testing.assert_allclose(np.ptp(centred.mean(0)), 0, atol=1e-8)
    np.testing.assert_allclose(np.ptp(centred.mean(1)), 0, atol=1e-8)
    np.testing.assert_allclose(shifted, centred, atol=1e-8)


def test_centring_a_sum_of_rows_and_columns_leaves_nothing():
    matrix = np.arange(4.)[:, None] / 3 + np.arange(5.)[None] / 7
    assert not normalise(matrix, double_centre=True).any()
