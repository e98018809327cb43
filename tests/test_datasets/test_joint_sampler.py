"""The joint sampler against what it promises."""
import itertools
import random
from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.runner import Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader, RandomSampler

from mmjtln.datasets import (
    ClassList,
    JointDataset,
    JointSampler,
    UnionDataset,
)
from tests.test_datasets.conftest import Toy

EPOCHS = 4


def joint(num_source, num_target):
    return JointDataset(Toy(num_source), Toy(num_target, first=num_source))


def sampler(dataset, *args, rank=0, world_size=1, seed=None, shuffle=True,
            **kwargs):
    stock = DefaultSampler(dataset, shuffle, seed)
    with patch('mmjtln.datasets.joint_sampler.get_dist_info',
               lambda: (rank, world_size)):
        return JointSampler(stock, *args, **kwargs)


def batches(sampler, epoch):
    """Return the batches of an epoch."""
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert len(found) == len(sampler)
    assert all(len(batch) == sampler.batch_size for batch in found[:-1])
    return found


def near(count, wanted):
    return count == 1 or abs(count - wanted) <= 0.5


class Case:
    """A set of ranks and what they yield in a few epochs."""

    def __init__(self, num_source, num_target, batch_size, ratio, epoch, seed,
                 world_size):
        self.num = dict(source=num_source, target=num_target)
        self.size = batch_size
        self.num_s = round(batch_size * ratio)
        self.mode = epoch
        dataset = joint(num_source, num_target)
        self.ranks = [
            sampler(dataset, batch_size, ratio, epoch, seed=seed, rank=rank,
                    world_size=world_size) for rank in range(world_size)
        ]
        self.epochs = [[batches(rank, epoch) for rank in self.ranks]
                       for epoch in range(EPOCHS)]

    def split(self, batch):
        """Return the indices of a batch within each domain."""
        num_s = self.num['source']
        return dict(
            source=[i for i in batch if i < num_s],
            target=[i - num_s for i in batch if i >= num_s])

    def stream(self, domain, epochs):
        """Return a domain's images in order of step, then rank."""
        return [
            i for ranks in epochs for step in zip(*ranks, strict=True)
            for batch in step for i in self.split(batch)[domain]
        ]


@st.composite
def cases(draw, modes=('target', 'int')):
    batch_size = draw(st.integers(2, 12))
    ratio = draw(st.floats(0.05, 0.95))
    assume(0 < round(batch_size * ratio) < batch_size)
    mode = draw(st.sampled_from(modes))
    return Case(
        draw(st.integers(1, 40)), draw(st.integers(1, 40)), batch_size, ratio,
        draw(st.integers(1, 6)) if mode == 'int' else mode,
        draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 5)))


@settings(max_examples=300, deadline=None)
@given(cases())
def test_batches_hold_the_ratio_and_ranks_agree(case):
    for ranks in case.epochs:
        shapes = [[(len(parts['source']), len(parts['target']))
                   for parts in map(case.split, rank)] for rank in ranks]
        assert all(shape == shapes[0] for shape in shapes)
        full = (case.num_s, case.size - case.num_s)
        assert all(shape == full for shape in shapes[0][:-1])
        # The last batch holds both domains, in the nearest ratio.
        last_s, last_t = shapes[0][-1]
        assert 1 <= last_s <= full[0] and 1 <= last_t <= full[1]
        if case.mode == 'target':
            assert near(last_s, last_t * full[0] / full[1])
        else:
            assert len(shapes[0]) == case.mode and shapes[0][-1] == full
        # Source first.
        for batch in itertools.chain(*ranks):
            parts = case.split(batch)
            assert len(parts['source']) == sum(
                i < case.num['source'] for i in batch[:len(parts['source'])])


@settings(max_examples=300, deadline=None)
@given(cases(modes=('target', )))
def test_an_epoch_covers_the_counted_domain_once(case):
    num, world_size = case.num[case.mode], len(case.ranks)
    for ranks in case.epochs:
        stream = case.stream(case.mode, [ranks])
        assert sorted(stream[:num]) == list(range(num))
        # What evens out the ranks is less than one image a rank.
        assert len(stream) - num < world_size
        # ... and, but for the smallest domains, no image of the same step.
        last = [i for rank in ranks for i in case.split(rank[-1])[case.mode]]
        if len(last) <= num:
            assert len(set(last)) == len(last)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_no_image_repeats_before_its_domain_is_through(case):
    for domain, num in case.num.items():
        if domain == case.mode:
            continue  # Covered epoch by epoch, above.
        stream = case.stream(domain, case.epochs)
        for start in range(0, len(stream), num):
            part = stream[start:start + num]
            assert len(set(part)) == len(part)


@settings(max_examples=150, deadline=None)
@given(cases(modes=('int', )))
def test_ranks_are_disjoint(case):
    # Each image comes as often as the passes over its domain say, whatever
    # rank it falls to: none is dealt to two.
    for domain, num in case.num.items():
        stream = case.stream(domain, case.epochs)
        counts = Counter(stream)
        passes = len(stream) // num
        assert all(passes <= counts[i] <= passes + 1 for i in range(num))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 3),
    st.integers(1, 30), st.integers(1, 30), st.sampled_from([2, 3, 'target']),
    st.integers(0, 99))
def test_world_sizes_see_the_same_images(world_size, num_s, num_t, source,
                                         target, epoch, seed):
    if epoch == 'target':  # No smaller last batch.
        target *= num_t * world_size
    dataset = joint(source, target)
    ratio = num_s / (num_s + num_t)
    one = sampler(
        dataset, world_size * (num_s + num_t), ratio, epoch, seed=seed)
    ranks = [
        sampler(dataset, num_s + num_t, ratio, epoch, seed=seed, rank=rank,
                world_size=world_size) for rank in range(world_size)
    ]
    for number in range(3):
        steps = zip(*(batches(rank, number) for rank in ranks), strict=True)
        for whole, parts in zip(batches(one, number), steps, strict=True):
            assert Counter(whole) == Counter(itertools.chain(*parts))


@settings(max_examples=25, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_calls_does_not_matter(case, rng: random.Random):
    calls = list(
        itertools.product(range(EPOCHS), range(len(case.ranks)))) * 2
    rng.shuffle(calls)
    for epoch, rank in calls:
        assert batches(case.ranks[rank], epoch) == case.epochs[epoch][rank]
    # Two epochs under way at once do not disturb each other either.
    first = case.ranks[0]
    first.set_epoch(0)
    early = iter(first)
    first.set_epoch(1)
    late = iter(first)
    mixed = list(itertools.zip_longest(early, late))
    for epoch in (0, 1):
        assert [pair[epoch] for pair in mixed
                ] == case.epochs[epoch][0]


def test_plain_reference():
    # One process, counted by target, written out.
    dataset = joint(5, 7)
    ours = sampler(dataset, 3, 1 / 3, shuffle=False)
    assert batches(ours, 0) == [[0, 5, 6], [1, 7, 8], [2, 9, 10], [3, 11]]
    assert batches(ours, 1) == [[4, 5, 6], [0, 7, 8], [1, 9, 10], [2, 11]]
    # Two processes: four target images a step, three in the last, one again.
    for rank, expected in enumerate([[[0, 5, 6], [2, 9, 10]],
                                     [[1, 7, 8], [3, 11, 5]]]):
        ours = sampler(dataset, 3, 1 / 3, shuffle=False, rank=rank,
                       world_size=2)
        assert batches(ours, 0) == expected
    # One of the source at least, and no more, in the last batch.
    ours = sampler(dataset, 8, 1 / 4, shuffle=False)
    assert batches(ours, 0)[1] == [2, 11]
    ours = sampler(dataset, 4, epoch=2, shuffle=False)
    assert batches(ours, 0) == [[0, 1, 5, 6], [2, 3, 7, 8]]
    assert batches(ours, 1) == [[4, 0, 9, 10], [1, 2, 11, 5]]


def test_order_is_kept_over_versions():
    # A resumed run must see what the interrupted one would have seen, so
    # another order is a breaking change.
    ours = sampler(joint(20, 10), 5, 0.6, epoch=2, seed=7)
    assert batches(ours, 3) == [[9, 11, 7, 21, 20], [2, 4, 14, 26, 29]]
    # Likewise another seed of an image, which its augmentation is drawn with.
    ours = sampler(joint(20, 10), 5, 0.6, seed=7)
    assert [(int(i), i.seed) for i in batches(ours, 1)[-1]] == [
        (19, 9480313042775942640), (10, 13523310271060937158),
        (18, 14089206170837575071), (23, 3592109211490390085),
        (25, 6856240554228143097)]


def test_seeds_epochs_and_domains_differ():
    dataset = joint(50, 50)
    orders = set()
    for seed, epoch in itertools.product(range(3), range(3)):
        ours = sampler(dataset, 100, seed=seed)
        (batch, ) = batches(ours, epoch)
        orders.add(tuple(batch[:50]))
        orders.add(tuple(i - 50 for i in batch[50:]))
    assert len(orders) == 18


def test_without_a_seed_one_is_drawn_and_kept():
    ours = sampler(joint(30, 30), 4)
    assert batches(ours, 0) == batches(ours, 0)
    assert sampler(joint(3, 3), 4).seed != sampler(joint(3, 3), 4).seed


def images(loader):
    return [[int(image[0, 0, 0]) for image in batch['inputs']]
            for batch in loader]


@pytest.mark.parametrize('num_workers', [0, 2])
def test_in_a_stock_loader(num_workers):
    dataset = joint(30, 14)
    ours = sampler(dataset, 6, seed=1)
    loader = DataLoader(
        dataset, batch_sampler=ours, num_workers=num_workers,
        collate_fn=pseudo_collate)
    assert len(loader) == len(ours)
    # The images of a toy data set are worth their indices.
    for epoch in range(2):
        ours.set_epoch(epoch)
        assert images(loader) == batches(ours, epoch)


def test_in_an_iteration_based_loop():
    dataset = joint(30, 14)
    ours = sampler(dataset, 6, seed=1)
    loader = DataLoader(
        dataset, batch_sampler=ours, collate_fn=pseudo_collate)
    with patch('mmengine.runner.loops.time.sleep'):
        endless = _InfiniteDataloaderIterator(loader)
        got = images(itertools.islice(endless, 3 * len(loader)))
    assert got == [batch for epoch in range(3)
                   for batch in batches(ours, epoch)]


def test_built_as_the_runner_does():
    """The loader's batch size is the only one, the runner's seed the seed."""
    loader = Runner.build_dataloader(
        dict(
            dataset=joint(8, 4), batch_size=4,
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(type='mmjtln.JointSampler')), seed=3)
    assert loader.batch_sampler.seed == 3 and len(loader) == 2
    ours = sampler(joint(8, 4), 4, seed=3)
    assert list(loader.batch_sampler) == list(ours)


@pytest.mark.parametrize('kwargs, words', [
    (dict(batch_size=0), ['batch_size', 'at least 1', 'got 0']),
    (dict(batch_size=1), ['batch_size=1', 'one image of each']),
    (dict(batch_size=2.0), ['batch_size', '2.0']),
    (dict(source_share=-.1), ['source_share', '[0, 1]', '-0.1']),
    (dict(source_share=1.5), ['source_share', '[0, 1]', '1.5']),
    (dict(source_share=1., epoch='target'), ['target', 'draws none']),
    (dict(source_share=float('nan')), ['source_share', 'nan']),
    (dict(source_share='half'), ['source_share', 'half']),
    (dict(source_share=0.01), ['0 source', '8 target', 'source_share']),
    (dict(source_share=0.99), ['8 source', '0 target', 'source_share']),
    (dict(epoch='both'), ['epoch', 'both', 'target']),
    (dict(epoch=0), ['epoch', 'got 0']),
    (dict(epoch=True), ['epoch', 'True']),
    (dict(epoch=1.5), ['epoch', '1.5']),
    (dict(seed=-1), ['seed', 'got -1', 'randomness.seed']),
])
def test_refuses(kwargs, words):
    with pytest.raises(ValueError) as error:
        sampler(joint(20, 20), **{'batch_size': 8, **kwargs})
    for word in [*words, '`train_dataloader.']:
        assert word in str(error.value)


@pytest.mark.parametrize('epoch', ['target', 3])
def test_one_domain_alone_comes_in_the_order_of_a_joint_run(epoch):
    """With ratio 0 the target images of each step are those of ratio 0.5."""
    dataset = joint(20, 10)
    alone = sampler(dataset, 4, source_share=0., epoch=epoch, seed=0)
    both = sampler(dataset, 8, source_share=0.5, epoch=epoch, seed=0)
    for number in range(2):
        alone.set_epoch(number)
        both.set_epoch(number)
        assert list(alone) == [
            [i for i in batch if i >= 20] for batch in both]
    assert len(alone) == len(both) == 3


def test_a_source_without_images_has_no_part():
    """Whatever the share; one image is a source like any other."""
    dataset = JointDataset(ClassList(['a', 'b']), Toy(6))
    ours = sampler(dataset, 4, 0.5, seed=0)
    assert ours.source_share == 0
    assert sorted(itertools.chain(*batches(ours, 0))) == [*range(6)]
    assert batches(sampler(joint(1, 4), 2, epoch=2, shuffle=False), 0) == [
        [0, 1], [0, 2]]


def test_weights_of_source_images_are_for_the_source_alone():
    """The target comes as without them."""
    parts = Toy(2), Toy(6, first=2)
    seen = []
    for draw in (None, [3, 1]):
        dataset = JointDataset(UnionDataset(parts, draw=draw),
                               Toy(8, first=8))
        ours = sampler(dataset, 8, epoch=2, seed=0)
        images = [*itertools.chain(*batches(ours, 0))]
        seen.append([i for i in images if i >= 8])
        shares = Counter(i for i in images if i < 8)
        # Of the source's eight places six are for the first two images.
        assert sum(shares[i] for i in (0, 1)) == (6 if draw else 2)
    assert seen[0] == seen[1]


def test_refuses_other_data_sets():
    with pytest.raises(TypeError, match='needs a JointDataset, but got Toy'):
        sampler(Toy(4), 2)


def test_refuses_other_samplers():
    with pytest.raises(TypeError, match='but got RandomSampler'):
        JointSampler(RandomSampler(joint(4, 4)), 2)
