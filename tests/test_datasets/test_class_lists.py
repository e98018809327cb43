"""Class lists: read, compared, and a source that is nothing else."""
import pytest
import torch
from mmpretrain.datasets.categories import (
    CUB_CATEGORIES,
    IMAGENET_CATEGORIES,
)
from mmpretrain.registry import DATASETS

from mmjtln.datasets import ClassList
from mmjtln.datasets.class_lists import (
    check_names,
    describe_difference,
    domain_classes,
    names_match,
    short_names,
)
from mmjtln.datasets.contents import gt_labels


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


def test_accents_are_spelled_one_way(tmp_path):
    """A Mac's folders have them as letters of their own, a list has not."""
    (tmp_path / 'names.txt').write_text('cafe\u0301\ntea\n')
    for found in (ClassList(str(tmp_path / 'names.txt')).metainfo['classes'],
                  check_names(['cafe\u0301', 'tea'], 'target')):
        assert found == ('caf\xe9', 'tea')
    with pytest.raises(ValueError, match='more than once'):
        check_names(['cafe\u0301', 'caf\xe9'], 'target')


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


def test_a_list_is_taken_as_it_is():
    source = ClassList(['salt, pepper', 'b'])
    assert source.metainfo == dict(
        classes=('salt, pepper', 'b'),
        synonyms=[('salt, pepper', ), ('b', )])
    assert len(source) == 0 and gt_labels(source).tolist() == []


def test_a_text_file(tmp_path):
    file = tmp_path / 'names.txt'
    file.write_bytes('\ufeffKüche\r\n zwei  Wörter \r\n\r\n'.encode())
    assert ClassList(str(file)).metainfo['classes'] == ('Küche',
                                                        'zwei  Wörter')
    assert ClassList(file).metainfo['classes'][0] == 'Küche'


def test_imagenet():
    """Every name is unique, short, and among the class's own words."""
    meta = ClassList('imagenet').metainfo
    names, synonyms = meta['classes'], meta['synonyms']
    assert len(names) == len(set(names)) == 1000
    assert (names[134], names[517]) == ('crane (bird)', 'crane (machine)')
    assert (names[638], names[639]) == ('maillot', 'maillot (tank suit)')
    for name, words, theirs in zip(names, synonyms, IMAGENET_CATEGORIES,
                                   strict=True):
        if name.startswith('crane ('):
            assert words == (name, )  # 'crane' alone would be both.
        else:
            assert ', '.join(words) == theirs
            assert name.split(' (')[0] == words[0]
    # No two classes have the same words.
    assert len(set(synonyms)) == 1000


def test_other_data_sets_by_name():
    assert ClassList('CUB').metainfo['classes'] == CUB_CATEGORIES
    assert ClassList('uciDigits').metainfo['classes'][0] == 'zero'
    built = DATASETS.build(dict(type='mmjtln.ClassList', classes='voc'))
    assert built.metainfo['classes'][0] == 'aeroplane'


@pytest.mark.parametrize('meta, expected', [
    (dict(dataset_meta=dict(classes=['a, b', 'a', 'a'])),
     ('a (b)', 'a (1)', 'a (2)')),
    (dict(CLASSES=('cat', 'dog')), ('cat', 'dog')),
    (dict(dataset_meta=dict(classes=['t'], source_classes=['s'])), ('s', )),
])
def test_a_checkpoint(tmp_path, meta, expected):
    file = tmp_path / 'weights.pth'
    torch.save(dict(state_dict={}, meta=meta), file)
    assert ClassList(str(file)).metainfo['classes'] == expected


@pytest.mark.parametrize('classes', ['abc', 5, [1, 2], {'a': 0}])
def test_a_checkpoint_with_names_of_a_wrong_type(tmp_path, classes):
    path = str(tmp_path / 'odd.pth')
    torch.save(dict(meta=dict(dataset_meta=dict(classes=classes))), path)
    with pytest.raises(ValueError, match='`classes` of .*odd.pth is'):
        ClassList(path)


def test_a_checkpoint_without_names(tmp_path):
    file = tmp_path / 'weights.pth'
    torch.save(dict(weight=torch.ones(1)), file)
    with pytest.raises(ValueError, match='does not name its classes'):
        ClassList(str(file))


@pytest.mark.parametrize('classes, error, words', [
    ([], ValueError, 'source class list .* empty'),
    (['a', 'a'], ValueError, "more than once: 'a'"),
    ([1], ValueError, 'no strings: 1'),
    ('imagnet', ValueError, "did you mean 'imagenet'"),
    ('names.txt', FileNotFoundError, 'no class list at names.txt'),
    ('checkpoint', ValueError, 'set `load_from`'),
])
def test_refusals(classes, error, words):
    with pytest.raises(error, match=words):
        ClassList(classes)


def test_short_names_that_stay_the_same():
    assert short_names(['a, b', 'a, b', 'c']) == (
        ('a (b) (1)', 'a (b) (2)', 'c'),
        [('a (b) (1)', ), ('a (b) (2)', ), ('c', )])


def test_names_match():
    assert names_match(IMAGENET_CATEGORIES, IMAGENET_CATEGORIES)
    assert names_match(IMAGENET_CATEGORIES,
                       ClassList('imagenet').metainfo['classes'])
    assert not names_match(IMAGENET_CATEGORIES, IMAGENET_CATEGORIES[::-1])
    assert not names_match(['a'], None)


def test_timms_lists_are_known_by_name():
    """Of their lengths; names that several classes have are told apart."""
    pytest.importorskip('timm')
    for name, count in (('imagenet12k', 11821), ('imagenet21k', 21843)):
        meta = ClassList(name).metainfo
        assert len(set(meta['classes'])) == count == len(meta['synonyms'])
    assert meta['synonyms'][0] == ('organism', 'being')
