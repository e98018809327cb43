import numpy as np
import pytest

from mmjtln.costs import CostMatrix
from mmjtln.costs.summary import share_of_ties, summarise

COST = CostMatrix([[0, .5, .5], [1, .25, .5]], ['cat', 'car'],
                  ['dog', 'van', 'tree'], 'FileCost')


def test_nearest_classes_both_ways():
    text = summarise(COST, top=2)
    assert 'FileCost: 2 source x 3 target classes' in text
    assert 'range 0 to 1, median 0.5' in text
    assert '  dog   cat 0.000, car 1.000' in text
    assert '  van   car 0.250, cat 0.500' in text
    assert '  car  van 0.250, tree 0.500' in text


def test_ties_and_entropy():
    text = summarise(COST, reg=.25)
    assert 'target classes: 33% have a tie' in text
    assert 'source classes: 0% have a tie' in text
    flat = CostMatrix(np.zeros((4, 2)), list('abcd'), list('xy'))
    assert 'entropy 1.39 nats, as of 4.0 equal classes of 4' in summarise(flat)


@pytest.mark.parametrize('matrix, share', [
    ([[0, 0, 1], [0, 1, 2]], .5),
    ([[0, 1e-9], [1, 0]], .5),
    ([[3], [4]], 0),
    ([[1, 1]], 1),
])
def test_share_of_ties(matrix, share):
    assert share_of_ties(np.array(matrix, dtype=float)) == share


def test_long_lists_are_cut():
    names = [f'c{i}' for i in range(70)]
    text = summarise(CostMatrix(np.eye(70), names, names), lines=5)
    assert text.count('... and 65 more') == 2
    assert len(text.splitlines()) < 25
