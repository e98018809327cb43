import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mmjtln.costs.normalise import double_centre, normalise

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
    centred = double_centre(matrix)
    np.testing.assert_allclose(centred.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(centred.mean(1), 0, atol=1e-8)
    np.testing.assert_allclose(
        double_centre(matrix + rows + columns), centred, atol=1e-8)


def test_centring_a_sum_of_rows_and_columns_leaves_nothing():
    matrix = np.arange(4.)[:, None] / 3 + np.arange(5.)[None] / 7
    assert np.array_equal(normalise(matrix, centre=True), np.zeros((4, 5)))


def test_cap_and_temperature():
    matrix = np.array([[0., 1, 2], [3, 4, 1000]])
    np.testing.assert_allclose(
        normalise(matrix, cap=0.8, temperature=0.5),
        [[0, .5, 1], [1.5, 2, 2]])
