import json

import numpy as np
import pytest

from mmjtln.costs import BaseCost, RawCost
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
    cost = Fixed([[0, 2], [4, 1]], temperature=2)(AB, XY)
    assert cost.matrix.tolist() == [[0, .25], [.5, .125]]
    assert (cost.method, cost.source_hash) == ('Fixed', 'hash')
    assert cost.settings['temperature'] == 2
    assert cost.settings['matrix'] == [[0, 2], [4, 1]]
    assert cost.settings['details'] == dict(seen=True)
    assert {'mmjtln', 'numpy'} <= set(cost.versions)
    json.dumps(cost.settings)


@pytest.mark.parametrize('options', [
    dict(temperature=0), dict(temperature=float('nan')), dict(cap=0),
    dict(cap=1.0)
])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Fixed([[0]], **options)


def test_non_finite_distances_are_blamed_on_their_classes():
    with pytest.raises(ValueError, match="'b' and target class 'x'"):
        Fixed([[0, 1], [np.nan, 1]])(AB, XY)


@pytest.mark.parametrize('source, words', [
    (Named('a', 'a'), "source class names must be unique.*'a'"),
    (Named(), 'empty'),
    (object(), 'names no classes'),
    (type('D', (), dict(metainfo={})), 'names no classes'),
])
@pytest.mark.parametrize('act', ['check', '__call__'])
def test_class_lists_are_checked(source, words, act):
    with pytest.raises(ValueError, match=words):
        getattr(Fixed([[0]]), act)(source, XY)
