"""Random costs, and another's columns, none in its place, by the seed."""
import numpy as np
import pytest

from mmjtln.comparison.method_config import method_config
from mmjtln.comparison.methods import Method
from mmjtln.costs import (
    CostMatrix,
    MKMMDCost,
    RandomCost,
    ShuffledCost,
    TextCost,
)
from tests.test_costs.conftest import Named, ToyImages

MATRIX = np.arange(20.).reshape(4, 5)
SOURCE, TARGET = Named(*'abcd'), Named(*'vwxyz')


@pytest.fixture
def by_hand(tmp_path):
    path = str(tmp_path / 'c.npz')
    CostMatrix(MATRIX, list('abcd'), list('vwxyz')).save(path)
    return dict(type='mmjtln.FileCost', path=path)


def test_every_column_is_that_of_another_class(by_hand):
    """The entries stay what the other builder made them."""
    found = [ShuffledCost(by_hand, seed)(SOURCE, TARGET).matrix
             for seed in range(6)]
    for matrix in found:
        order = [int(column) for column in matrix[0]]
        assert sorted(order) == list(range(5))
        assert all(column != place for place, column in enumerate(order))
        np.testing.assert_array_equal(matrix, MATRIX[:, order])
    assert len({matrix.tobytes() for matrix in found}) > 1
    again = ShuffledCost(by_hand, 3)(SOURCE, TARGET)
    np.testing.assert_array_equal(again.matrix, found[3])
    order = again.settings['details']['order']
    np.testing.assert_array_equal(again.matrix, MATRIX[:, order])
    told = again.settings['cost']
    assert (told['type'], told['scale']) == ('FileCost', False)


def test_two_classes_are_exchanged_and_one_is_refused():
    source, target = (ToyImages([3, 3], list(names)) for names in ('ab', 'xy'))
    plain = dict(type='mmjtln.RandomCost')
    cost = ShuffledCost(plain)(source, target)
    assert cost.settings['details']['order'] == [1, 0]
    with pytest.raises(ValueError, match='at least 2, got 1'):
        ShuffledCost(plain).check(Named('a', 'b'), Named('x'))


def test_vectors_are_those_of_another_class(by_hand):
    """As the columns are; a builder without any gives none."""
    plain = dict(type='mmjtln.TextCost', scale=False)
    source, target = Named('tench', 'car'), Named('cat', 'lorry', 'apple')
    shuffled = ShuffledCost(plain, 3)
    matrix = shuffled(source, target)
    order = matrix.settings['details']['order']
    known, new = shuffled.vectors(source, target)
    for found, wanted in zip((known, new[np.argsort(order)]), TextCost(
            scale=False).vectors(source, target), strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(1 - known @ new.T, matrix.matrix, atol=1e-6)
    assert not hasattr(ShuffledCost(by_hand), 'vectors')


def test_bad_input_of_the_other_builder_is_found_early(by_hand):
    with pytest.raises(ValueError, match="lacks \\['q'\\]"):
        ShuffledCost(by_hand).check(Named(*'abcq'), TARGET)


def test_images_are_those_of_the_other_builder(model):
    source, target = (ToyImages([3, 3], list(names)) for names in ('ab', 'xy'))
    found = ShuffledCost(dict(type='mmjtln.MKMMDCost'))(
        source, target, model)
    plain = MKMMDCost()(source, target, model)
    np.testing.assert_array_equal(found.matrix, plain.matrix[:, ::-1])
    assert 'torch' in found.versions


def test_a_comparison_gives_it_seed_and_pipeline(tiny_run):
    cost = dict(type='mmjtln.ShuffledCost',
                cost=dict(type='mmjtln.MKMMDCost'))
    method = Method('it', 'jtln', cost=cost)
    cfg = method_config(tiny_run, method, {}, 3, None, None)
    found = cfg.custom_hooks[1].cost
    assert found.seed == 3 and found.cost.pipeline


def test_only_the_seed_decides():
    """Scaled to [0, 1] as other costs, and no two rows alike."""
    source, target = Named(*'abcd'), Named(*'xyz')
    first, again, other = (
        RandomCost(seed=seed)(source, target) for seed in (1, 1, 2))
    assert first.matrix.shape == (4, 3)
    assert first.matrix.min() == 0 and first.matrix.max() == 1
    np.testing.assert_array_equal(first.matrix, again.matrix)
    assert (first.matrix != other.matrix).any()
    assert len(np.unique(first.matrix, axis=0)) == 4
    assert (first.source_classes, first.target_classes) == (
        ('a', 'b', 'c', 'd'), ('x', 'y', 'z'))
