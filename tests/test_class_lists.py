"""Class lists: read by domain, and their differences in words."""
import pytest
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from mmjtln.datasets.class_lists import (
    check_names,
    describe_difference,
    domain_classes,
)


def test_imagenets_own_list_serves_as_it_is():
    """Its two cranes are told apart, by whatever a list is read."""
    names = check_names(IMAGENET_CATEGORIES, 'source')
    assert names[134] == 'crane (bird)' and names[517] == 'crane (machine)'
    assert [i for i, name in enumerate(names)
            if name != IMAGENET_CATEGORIES[i]] == [134, 517]
    assert names == check_names(names, 'source') == domain_classes(
        dict(classes=list(IMAGENET_CATEGORIES)), 'target')


def test_other_lists_must_name_each_class_once():
    """Two cranes at other labels are an error, one crane is no bird."""
    with pytest.raises(ValueError, match="more than once: 'crane'"):
        check_names(['crane', 'crane'], 'source')
    names = (*map(str, range(134)), 'crane')
    assert check_names(names, 'source') == names


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
