"""Class lists: read by domain, and their differences in words."""
import pytest

from mmjtln.class_lists import describe_difference, domain_classes


def test_a_stock_data_set_is_a_target():
    """`classes` are the target's; only a joint one names the source's."""
    assert domain_classes(dict(classes=['a', 'b']), 'target') == ('a', 'b')
    assert domain_classes(dict(classes=['a', 'b']), 'source') is None
    joint = dict(classes=['a'], source_classes=('x', 'y'))
    assert domain_classes(joint, 'source') == ('x', 'y')


@pytest.mark.parametrize('found, words', [
    (['a', 'c'], r"lacks ['b'] and adds ['c']"),
    (['a', 'b', 'b'], 'has 3 names instead of 2'),
    (['b', 'a'], "from class 0 on ('b' instead of 'a')"),
])
def test_differences_in_words(found, words):
    """Names, numbers and order, in that order."""
    assert words in describe_difference(['a', 'b'], found)
