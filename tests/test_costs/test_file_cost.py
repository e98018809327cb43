"""Matrices in files are matched by name, or refused."""
import numpy as np
import pytest

from mmjtln.costs import CostMatrix, FileCost
from mmjtln.registry import COSTS
from tests.test_costs.conftest import Named

MATRIX = np.array([[0, 5, 2], [3, 1, 4.5]])
SOURCE, TARGET = ('a, an', 'b'), ('x', 'y', 'z z')


def write(path):
    if path.suffix == '.npz':
        cost = CostMatrix(MATRIX, SOURCE, TARGET, 'MKMMDCost', dict(seed=3))
        cost.save(path)
    else:
        path.write_text(',x,y,z z\n"a, an",0,5,2\nb,3,1,4.5\n')


@pytest.mark.parametrize('suffix', ['npz', 'csv'])
def test_files_are_matched_by_name(tmp_path, suffix):
    path = tmp_path / f'cost.{suffix}'
    write(path)
    builder = COSTS.build(dict(type='mmjtln.FileCost', path=str(path)))
    cost = builder(Named(*SOURCE), Named(*TARGET))
    assert (cost.matrix == MATRIX).all()
    moved = builder(Named('b', 'a, an'), Named('z z', 'x', 'y'))
    assert moved.matrix.tolist() == [[4.5, 3, 1], [2, 0, 5]]
    assert (cost.method, len(cost.source_hash)) == ('FileCost', 64)
    if suffix == 'npz':
        assert cost.settings['details']['method'] == 'MKMMDCost'
        assert cost.settings['details']['settings'] == dict(seed=3)


def test_scaling_is_offered(tmp_path):
    path = tmp_path / 'cost.npz'
    write(path)
    cost = FileCost(str(path), scale=True)(Named(*SOURCE), Named(*TARGET))
    assert np.allclose(cost.matrix, MATRIX / 5)


@pytest.mark.parametrize('text, words', [
    ('', 'row of target class names'),
    (',x,y,z z\n"a, an",0,5\nb,3,1,4\n', 'row 2 has 2 costs for 3'),
    (',x,y,z z\n"a, an",0,5,no\nb,3,1,4\n', 'numbers only'),
    (',x,y,z z\n"a, an",0,5,-1\nb,3,1,4\n', 'non-negative'),
    (',x,x,z z\n"a, an",0,5,1\nb,3,1,4\n', 'unique'),
    (',x,y,w\n"a, an",0,5,1\nb,3,1,4\n', r"lacks \['z z'\]"),
])
def test_bad_tables_are_refused(tmp_path, text, words):
    path = tmp_path / 'cost.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=f'cost.csv.*{words}'):
        FileCost(str(path)).check(Named(*SOURCE), Named(*TARGET))


def test_bad_options_are_refused(tmp_path):
    with pytest.raises(ValueError, match='`path` of FileCost'):
        FileCost('cost.txt')
    with pytest.raises(FileNotFoundError, match='no cost matrix at'):
        FileCost(str(tmp_path / 'x.npz')).check(Named('a'), Named('b'))
