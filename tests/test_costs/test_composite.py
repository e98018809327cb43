import numpy as np
import pytest

from mmjtln.costs import CompositeCost, CostMatrix
from mmjtln.registry import COSTS
from tests.test_costs.conftest import Named, ToyImages

A = np.array([[0, 10.], [20, 40]])
B = np.array([[3., 1], [1, 2]])


@pytest.fixture
def parts(tmp_path):
    for name, matrix in (('a', A), ('b', B)):
        CostMatrix(matrix, ['s', 't'], ['x', 'y']).save(
            tmp_path / f'{name}.npz')
    return [
        dict(type='mmjtln.FileCost', path=str(tmp_path / f'{name}.npz'),
             temperature=t) for name, t in (('a', 1), ('b', 7))
    ]


def test_each_part_is_normalised_first(parts):
    builder = COSTS.build(
        dict(type='mmjtln.CompositeCost', costs=parts, weights=[3, 1],
             scale=False))
    cost = builder(Named('s', 't'), Named('x', 'y'))
    np.testing.assert_allclose(
        cost.matrix, .75 * A / 40 + .25 * (B - 1) / 2)
    assert cost.settings['weights'] == [3, 1]
    assert cost.settings['costs'][0]['type'] == 'FileCost'
    assert cost.settings['costs'][1]['temperature'] == 7
    assert len(cost.settings['details']['parts']) == 2


def test_images_and_files_go_together(parts, model):
    source = ToyImages([2, 2], ['s', 't'])
    target = ToyImages([2, 2], ['x', 'y'])
    costs = [dict(type='mmjtln.MKMMDCost'), parts[0]]
    cost = CompositeCost(costs)(source, target, model)
    mmd = COSTS.build(costs[0])(source, target, model).matrix
    expected = mmd + A / 40
    expected = (expected - expected.min()) / np.ptp(expected)
    np.testing.assert_allclose(cost.matrix, expected)
    assert 'torch' in cost.versions


@pytest.mark.parametrize('weights', [[1], [1, -1], [0, 0],
                                     [1, float('nan')]])
def test_weights_are_checked(parts, weights):
    with pytest.raises(ValueError, match='weights'):
        CompositeCost(parts, weights)


def test_bad_parts_are_found_early(parts):
    with pytest.raises(ValueError, match='one or more'):
        CompositeCost([])
    with pytest.raises(ValueError, match='other classes'):
        CompositeCost(parts).check(Named('s', 'q'), Named('x', 'y'))
