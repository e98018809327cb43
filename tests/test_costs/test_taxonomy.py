"""Distances in a tree by hand, and what is refused of a tree."""
import networkx
import numpy as np
import pytest

from mmjtln.costs import TaxonomyCost
from mmjtln.costs.taxonomy import read_taxonomy, wup_distances
from tests.test_costs.conftest import Named

#        thing
#       /     \
#   animal   artefact
#   /    \       \
# cat    dog     car
#          \
#         puppy
TREE = dict(
    animal='thing', artefact='thing', cat='animal', dog='animal',
    car='artefact', puppy='dog')


def tree_file(path, pairs=TREE, delimiter='\t'):
    path.write_text('# parent, child\n\n' + ''.join(
        f'{parent}{delimiter}{child}\n' for child, parent in pairs.items()))
    return str(path)


def test_distances_by_hand(tmp_path):
    path = tree_file(tmp_path / 'tree.tsv')
    cost = TaxonomyCost(path, scale=False)(
        Named('cat', 'thing'), Named('cat', 'puppy', 'car'))
    # cat-cat, cat-puppy, cat-car, thing-cat, by 2 h / (2 h + d): the
    # ancestors are cat (3), animal (2), thing (1).
    np.testing.assert_allclose(
        [*cost.matrix[0], cost.matrix[1, 0]], [0, 3 / 7, 4 / 6, 2 / 4])
    assert cost.settings['details']['nodes'][1] == ['cat', 'puppy', 'car']


def test_accents_in_a_file_are_spelled_as_in_a_class_list(tmp_path):
    path = tree_file(tmp_path / 'tree.tsv', {
        'cafe\u0301': 'thing', 'tea': 'thing'})
    for name in ('cafe\u0301', 'caf\xe9'):
        cost = TaxonomyCost(path, scale=False)(
            Named('tea'), Named(name, 'tea'))
        np.testing.assert_allclose(cost.matrix, [[2 / 4, 0]])
    cost = TaxonomyCost(path, aliases={'cre\u0300me': 'cafe\u0301'},
                        scale=False)(Named('tea'), Named('cr\xe8me', 'tea'))
    np.testing.assert_allclose(cost.matrix, [[2 / 4, 0]])


def test_the_shortest_of_several_ways_counts():
    tree = networkx.DiGraph([
        ('root', 'a'), ('a', 'b'), ('b', 'c'), ('c', 'x'), ('root', 'x'),
        ('root', 'y')])
    # x is one edge from the root, and three under a by its longest way.
    found = wup_distances(tree, ['x'], ['y', 'b'])
    # With b: over b itself (depth 3, two edges), not over the root.
    np.testing.assert_allclose(found, [[2 / 4, 2 / 8]])


@pytest.mark.parametrize('pairs, words', [
    (dict(a='b', b='c', c='a'), 'no cycles.*(a > c > b > a|c > b > a > c'
     '|b > a > c > b)'),
    (dict(TREE, thing='puppy'), 'no cycles'),
    (dict(a='a'), 'a > a'),
    (dict(a='b', c='d'), "has 2: 'b', 'd'"),
])
def test_cycles_and_several_roots_are_refused(tmp_path, pairs, words):
    with pytest.raises(ValueError, match=words) as error:
        read_taxonomy(tree_file(tmp_path / 'tree.tsv', pairs))
    assert 'tree.tsv' in str(error.value)


def test_files_are_read_by_their_kind(tmp_path):
    table = tmp_path / 'tree.csv'
    table.write_text('"pet, kept",cat\n"pet, kept",dog\n')
    assert {*read_taxonomy(table).edges} == {
        ('pet, kept', 'cat'), ('pet, kept', 'dog')}
    table.write_text('a,b,c\n')
    with pytest.raises(ValueError, match='a parent and a child.*line 1'):
        read_taxonomy(table)
    table.write_text('# nothing\n')
    with pytest.raises(ValueError, match='holds no pair'):
        read_taxonomy(table)
    with pytest.raises(FileNotFoundError, match='no taxonomy at'):
        read_taxonomy(tmp_path / 'x.tsv')


def test_classes_outside_the_tree_are_all_named(tmp_path):
    path = tree_file(tmp_path / 'tree.tsv')
    source, target = Named('cat', 'okapi'), Named('dog', 'zebra')
    with pytest.raises(ValueError, match="2 class name.*'okapi', 'zebra'"):
        TaxonomyCost(path).check(source, target)
    aliases = dict(okapi='cat', zebra='car')
    cost = TaxonomyCost(path, aliases)(source, target)
    assert (cost.matrix[0] == cost.matrix[1]).all()
