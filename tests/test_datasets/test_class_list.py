"""A source that is a list of class names."""
import pytest
import torch
from mmpretrain.datasets.categories import (
    CUB_CATEGORIES,
    IMAGENET_CATEGORIES,
)
from mmpretrain.registry import DATASETS

from mmjtln.datasets import ClassList
from mmjtln.datasets.class_lists import names_match, short_names
from mmjtln.datasets.contents import gt_labels


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


def test_a_checkpoint_without_names(tmp_path):
    file = tmp_path / 'weights.pth'
    torch.save(dict(weight=torch.ones(1)), file)
    with pytest.raises(ValueError, match='does not name its classes'):
        ClassList(str(file))


@pytest.mark.parametrize('classes, error, words', [
    ([], ValueError, 'source class list is empty'),
    (['a', 'a'], ValueError, "more than once: 'a'"),
    ([1], ValueError, 'must be strings'),
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
