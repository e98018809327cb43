import numpy as np
import pytest
import torch
from mmengine.dataset import (
    ClassBalancedDataset,
    ConcatDataset,
    RepeatDataset,
)
from mmpretrain.datasets import KFoldDataset
from torch.utils.data import Subset

from mmjtln.inference.domain_images import DomainImages
from tests.test_costs.conftest import PACK, ToyImages


def test_labels_and_images_belong_together(source):
    images = DomainImages(source, 'source')
    assert images.labels.tolist() == [0] * 6 + [1] * 7 + [2] * 8 + [3] * 9
    assert len(images) == 30
    expected = source[6]
    assert expected['data_samples'].gt_label == 1
    assert torch.equal(images[6], expected['inputs'])


@pytest.mark.parametrize('wrap', [
    lambda d: RepeatDataset(d, 3),
    lambda d: ClassBalancedDataset(d, 0.9),
    lambda d: ConcatDataset([d]),
    lambda d: Subset(d, [*range(30), 3, 3]),
])
def test_wrappers_show_each_image_once(source, wrap):
    plain, wrapped = DomainImages(source, 'source'), wrap(source)
    if isinstance(wrapped, Subset):
        wrapped.metainfo = source.metainfo
    images = DomainImages(wrapped, 'source')
    assert images.labels.tolist() == plain.labels.tolist()
    assert all(torch.equal(images[i], plain[i]) for i in range(len(plain)))


def test_folds_and_subsets_keep_to_their_part(source):
    fold = KFoldDataset(
        dict(type='CostToyImages', counts=[6, 7, 8, 9]),
        num_splits=5,
        seed=1)
    assert len(DomainImages(fold, 'source')) == len(fold)
    subset = Subset(source, [0, 7, 14, 22, 23])
    subset.metainfo = source.metainfo
    assert DomainImages(subset, 'source').labels.tolist() == [0, 1, 2, 3, 3]


def test_the_draw_is_seeded_and_bounded(source):
    def draw(seed, per_class=3):
        images = DomainImages(
            source, 'source', samples_per_class=per_class, seed=seed)
        assert np.bincount(images.labels).tolist() == [per_class] * 4
        return [pair[1] for pair in images._pairs]

    assert draw(0) == draw(0) != draw(1)
    assert len(set(draw(0))) == 12


def test_the_draw_of_a_class_does_not_depend_on_the_others():
    few = DomainImages(ToyImages([2, 20]), 's', samples_per_class=4)
    many = DomainImages(ToyImages([9, 20]), 's', samples_per_class=4)
    assert [i - 2 for _, i in few._pairs[2:]] == [
        i - 9 for _, i in many._pairs[4:]
    ]


def test_classes_without_images_are_named():
    dataset = ToyImages([3, 0, 1], ['a', 'b', 'c'])
    with pytest.raises(ValueError, match="each target class.* none of 'b'"):
        DomainImages(dataset, 'target')


@pytest.mark.parametrize('step', [
    dict(type='RandomFlip', prob=0.5),
    dict(type='ColorJitter', brightness=0.4),
    dict(type='AutoAugment', policies='imagenet'),
    dict(
        type='RandomApply',
        transforms=[dict(type='Resize', scale=8)],
        prob=0.5),
])
def test_random_pipelines_are_refused_unless_replaced(step):
    dataset = ToyImages([2, 2], pipeline=[step, *PACK])
    with pytest.raises(ValueError, match='augments at random.*pipeline='):
        DomainImages(dataset, 'source')
    repeated = RepeatDataset(dataset, 2)
    with pytest.raises(ValueError, match='augments at random'):
        DomainImages(repeated, 'source')
    DomainImages(repeated, 'source', pipeline=PACK)


def test_odd_labels_and_pipelines_are_refused(source):
    short = ToyImages([2, 2, 2])
    short._metainfo['classes'] = ('a', 'b')
    with pytest.raises(ValueError, match=r'in \[0, 2\).* has 2'):
        DomainImages(short, 'source')
    with pytest.raises(ValueError, match='without "inputs"'):
        DomainImages(source, 'source', pipeline=[lambda data: data])[0]
    plain = Subset([1, 2, 3], [0])
    plain.metainfo = dict(classes=['a'])
    with pytest.raises(ValueError, match='get_data_info'):
        DomainImages(plain, 'source')
