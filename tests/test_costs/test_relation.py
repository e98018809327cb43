import pytest

from mmjtln.costs import CostMatrix
from mmjtln.costs.relation import judge, read_relation

SOURCE, TARGET = ('Cat', 'car', 'cow'), ('dog', 'cat', 'van')


def test_relations_by_order_and_name():
    assert read_relation('order', SOURCE, TARGET) == dict(
        dog={'Cat'}, cat={'car'}, van={'cow'})
    assert read_relation('name', SOURCE, TARGET) == dict(cat={'Cat'})


@pytest.mark.parametrize('suffix, text', [
    ('csv', 'dog,Cat\ndog,cow\n\nvan,car\n'),
    ('tsv', 'dog\tCat\ndog\tcow\nvan\tcar\n'),
])
def test_relations_from_files_are_judged(tmp_path, suffix, text):
    path = tmp_path / f'relation.{suffix}'
    path.write_text(text)
    related = read_relation(str(path), SOURCE, TARGET)
    assert related == dict(dog={'Cat', 'cow'}, van={'car'})
    cost = CostMatrix([[1, 0, 0], [1, 0, 1], [0, 1, 1]], SOURCE, TARGET)
    assert judge(cost, related) == dict(
        dog=('cow', True), van=('Cat', False))


@pytest.mark.parametrize('text, words', [
    ('dog,Cat,cow\n', 'line 1: expected a target and a source'),
    ('wolf,Cat\n', "target classes that.*'wolf'"),
    ('dog,lion\n', "source classes that.*'lion'"),
    ('', 'relates no classes'),
])
def test_bad_relations_are_refused(tmp_path, text, words):
    path = tmp_path / 'relation.csv'
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_relation(str(path), SOURCE, TARGET)


def test_relations_that_cannot_be():
    with pytest.raises(ValueError, match='got 3 and 1'):
        read_relation('order', SOURCE, ['x'])
    with pytest.raises(ValueError, match='relates no classes'):
        read_relation('name', SOURCE, ['x'])
    with pytest.raises(FileNotFoundError, match='no relation at'):
        read_relation('missing.csv', SOURCE, TARGET)
