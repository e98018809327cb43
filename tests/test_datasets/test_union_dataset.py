"""Several sources as one, over the union of their classes."""
from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler

from mmjtln.datasets import (
    ClassList,
    FewShotDataset,
    JointDataset,
    JointSampler,
    UnionDataset,
)
from mmjtln.datasets.contents import unique_images
from tests.test_datasets.conftest import Toy


def toys():
    """Return 4 images of a, b and 6 images of b, c, d."""
    return [Toy(4, metainfo=dict(classes=['a', 'b'])),
            Toy(6, num_classes=3, first=4,
                metainfo=dict(classes=['b', 'c', 'd']), serialize_data=True)]


def test_labels_are_places_in_the_union():
    parts, labels = toys(), [0, 1, 0, 1, 1, 2, 3, 1, 2, 3]
    union = UnionDataset(parts)
    joint = JointDataset(union, Toy(2))
    assert joint.source_classes == ('a', 'b', 'c', 'd')
    assert joint.gt_labels('source').tolist() == labels
    for i in range(10):
        data = joint[i]
        assert int(data['inputs'][0, 0, 0]) == i
        assert data['data_samples'].gt_label.item() == labels[i]
        assert data['data_samples'].source_name == (
            'Toy_1' if i < 4 else 'Toy_2')
    assert 'source_name' not in joint[10]['data_samples']
    assert [owner.get_data_info(i)['gt_label']
            for owner, i in unique_images(union)] == labels
    # What was given is as it was.
    assert parts[1].metainfo['classes'] == ['b', 'c', 'd']
    assert parts[1].get_data_info(0)['gt_label'] == 0


def test_a_list_is_a_union():
    joint = JointDataset([dict(type='Toy', size=4), dict(type='Toy', size=2)],
                         Toy(2))
    assert joint.source.names == ('Toy_1', 'Toy_2')
    assert joint.source_length == 6
    few = UnionDataset([FewShotDataset(toys()[0], 1), toys()[1]])
    assert len(few) == 8 and few.metainfo['classes'] == ('a', 'b', 'c', 'd')


def drawn(union, world_size=1, rank=0, monkeypatch=None, epochs=1):
    """Return the source images drawn, in order, over epochs of 50."""
    joint = JointDataset(union, Toy(2))
    sampler = JointSampler(DefaultSampler(joint, seed=3), 8 // world_size,
                           0.5, epoch=50)
    sampler.rank, sampler.world_size = rank, world_size
    found = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        found += [[int(i) for i in batch if i < 10] for batch in sampler]
    return found


@pytest.mark.parametrize('draw, share', [
    (None, 0.4), ([1, 1], 0.5), ([3, 1], 0.75)])
def test_how_often_each_source_is_drawn(draw, share):
    """Its share is exact in each round of 10, each of its images alike."""
    images = sum(drawn(UnionDataset(toys(), draw=draw)), [])
    assert len(images) == 200
    for start in range(0, 200, 10):
        count = Counter(images[start:start + 10])
        first = sum(count[i] for i in range(4))
        assert abs(first - 10 * share) < 4
        for i in range(10):
            expected = 10 * (share / 4 if i < 4 else (1 - share) / 6)
            assert abs(count[i] - expected) < 1
    assert np.mean(np.array(images) < 4) == pytest.approx(share, abs=0.06)


def test_ranks_share_out_the_draw_of_one():
    alone = drawn(UnionDataset(toys(), draw=[1, 1]))
    parts = [drawn(UnionDataset(toys(), draw=[1, 1]), 2, rank)
             for rank in range(2)]
    assert [sorted(a + b) for a, b in zip(*parts, strict=True)] == [
        sorted(batch) for batch in alone]


@pytest.mark.parametrize('options, words', [
    (dict(datasets=[]), 'needs a data set'),
    (dict(draw='often'), "`draw` of UnionDataset .* got 'often'"),
    (dict(draw=[1]), '2 positive numbers'),
    (dict(draw=[1, 0]), '`draw` of UnionDataset .* got 0'),
    (dict(datasets=[ClassList(['a']), Toy(2)]), 'must hold images'),
])
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        UnionDataset(**{'datasets': toys(), **options})
