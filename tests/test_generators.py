"""A sample's augmentation is a function of its place in the run."""
import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpretrain.registry import TRANSFORMS
from torch.utils.data import DataLoader

from mmjtln.datasets import JointDataset
from mmjtln.generators import (
    SeededIndex,
    kept_generators,
    sample_seeds,
    seed_generators,
)
from tests.test_datasets.conftest import Toy
from tests.test_datasets.test_joint_sampler import joint, sampler


def draw() -> tuple:
    """Draw from each of the global generators."""
    return random.random(), float(np.random.rand()), float(torch.rand(()))


@TRANSFORMS.register_module()
class DrawsAtRandom:
    """Replace an image by three random numbers; drop every fourth image."""

    def __call__(self, results):
        if random.random() < 0.25:
            return None
        results['img'] = np.float32(draw()).reshape(1, 1, 3)
        return results


def random_joint() -> JointDataset:
    pipeline = [dict(type=DrawsAtRandom), dict(type='PackInputs')]
    return JointDataset(Toy(30, pipeline=pipeline), Toy(14, pipeline=pipeline))


def images(loader) -> list:
    return [image.flatten().tolist() for batch in loader
            for image in batch['inputs']]


def test_any_part_of_a_stream_of_seeds():
    """A seed depends on its place, not on where the reading began."""
    whole = sample_seeds((3, 1, 0), 0, 50)
    assert len(set(whole)) == 50
    for start in range(10):
        assert sample_seeds((3, 1, 0), start, 7) == whole[start:start + 7]
    assert sample_seeds((3, 1, 0), 4, 0) == []
    for other in ((4, 1, 0), (3, 0, 0), (3, 1, 1)):
        assert not set(whole) & set(sample_seeds(other, 0, 50))


def test_seeds_are_kept_over_versions():
    """A resumed run must augment as the interrupted one would have."""
    assert sample_seeds((7, 1, 2), 5, 2) == [
        12595096137169784631, 5664149622651746001]


def test_index_is_an_int_that_travels():
    """It compares, adds and pickles as an int, and keeps its seed."""
    index = SeededIndex(5, seed=2**63)
    assert index == 5 and index + 1 == 6 and [*range(9)][index] == 5
    again = pickle.loads(pickle.dumps(index))
    assert again == 5 and again.seed == 2**63


def test_generators():
    """Seeded generators repeat, differ from each other, and are given back."""
    seed_generators(2**40)
    expected = [draw(), draw()]
    assert len(set(expected[0])) == 3
    seed_generators(2**40)
    assert draw() == expected[0]
    with kept_generators():
        seed_generators(2**64 - 1)
        first = draw()
        seed_generators(2**64 - 1)
        assert draw() == first
        seed_generators(1)
        assert not set(draw()) & set(first)
    assert draw() == expected[1]


def pairs(sampler):
    """Return the index and the seed of each image of an epoch, by batch."""
    return [[(int(i), i.seed) for i in batch] for batch in sampler]


@pytest.mark.parametrize('epoch', ['target', 3])
def test_world_sizes_share_the_seeds(epoch):
    """An image gets its seed by its place, whichever rank it falls to."""
    dataset = joint(30, 12)

    def step(world_size):
        ranks = [sampler(dataset, 12 // world_size, epoch=epoch, seed=5,
                         rank=rank, world_size=world_size)
                 for rank in range(world_size)]
        seen = set()
        for rank in ranks:
            rank.set_epoch(1)
            seen.update(pairs(rank)[0])
        return seen

    assert len(step(1)) == 12
    assert step(1) == step(2) == step(3)


@pytest.mark.parametrize('epoch', ['target', 4])
@pytest.mark.parametrize('first_batch', [0, 1, 3])
def test_beginning_within_an_epoch(epoch, first_batch):
    """The rest of an epoch is the rest of the whole epoch, once."""
    ours = sampler(joint(13, 13), 6, epoch=epoch, seed=1)
    ours.set_epoch(2)
    whole = pairs(ours)
    ours.set_epoch(2, first_batch)
    assert pairs(ours) == whole[first_batch:]
    assert pairs(ours) == whole


def test_workers_and_history_do_not_matter():
    """0 and 2 workers, whatever was drawn before: the same augmentation.

    Images that the pipeline drops are replaced at random, so that is seeded
    as well; the generators of the caller are not disturbed.
    """
    dataset = random_joint()
    ours = sampler(dataset, 6, epoch=8, seed=1)
    seen = []
    for num_workers, history in ((0, 1), (0, 2), (2, 3)):
        seed_generators(history)
        before = draw()
        seed_generators(history)
        loader = DataLoader(
            dataset, batch_sampler=ours, num_workers=num_workers,
            collate_fn=pseudo_collate, generator=torch.Generator())
        seen.append(images(loader))
        assert draw() == before
    assert seen[0] == seen[1] == seen[2]
    assert len({tuple(image) for image in seen[0]}) == 48
    ours.set_epoch(1)
    assert not {tuple(i) for i in images(loader)} & {
        tuple(i) for i in seen[0]}


def test_one_sample_as_in_a_batch():
    """Indexing gives what a loader gives; a plain index draws globally."""
    dataset = random_joint()
    index = SeededIndex(40, seed=123)
    one = dataset[index]['inputs']
    assert torch.equal(
        one, dataset.__getitems__([SeededIndex(3, 9), index])[1]['inputs'])
    random.seed(0)
    assert not torch.equal(dataset[40]['inputs'], dataset[40]['inputs'])
