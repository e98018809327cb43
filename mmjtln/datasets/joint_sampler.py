"""The order in which joint training sees its images."""
import math
from collections.abc import Iterator

from mmengine.dataset import DefaultSampler
from mmengine.dist import get_dist_info
from torch.utils.data import BatchSampler

from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.errors import check_choice, check_count, check_real, require
from mmjtln.generators import SeededIndex, sample_seeds
from mmjtln.registry import DATA_SAMPLERS

from .joint_dataset import JointDataset
from .permutation_stream import PermutationStream

_WHERE = '`train_dataloader.batch_sampler`'


@DATA_SAMPLERS.register_module()
class JointSampler(BatchSampler):
    r"""Batches of a :class:`JointDataset`, each with a fixed ratio.

    A ``batch_sampler`` for a stock ``DataLoader``, whose ``batch_size`` is the
    only one, and whose stock ``sampler`` says seed and shuffling.

    Each batch has round(batch_size * source_share) source images followed by
    target images, on every rank. Each domain is an endless stream of seeded
    permutations, any place of which is computed from (seed, epoch, rank,
    world size). Ranks share out consecutive places, so ``W`` ranks with batch
    size ``B / W`` see in each step the images that one process with ``B``
    sees, if ``W`` divides both numbers. Each index carries the seed of its
    sample, a :class:`~mmjtln.generators.SeededIndex`.

    With ``epoch='target'``, an epoch has each target image once over all
    ranks, while the source stream goes on. Its last batch may be smaller, of
    nearly the same ratio, and the fewer than ``W`` images wanting come a
    second time. With ``epoch=n``, an epoch is ``n`` full batches, and both
    streams run on across epochs.

    Args:
        sampler (DefaultSampler): MMEngine's, over a :class:`JointDataset`.
            Its ``seed``, ``epoch`` and ``shuffle`` are this one's.
        batch_size (int): Images in a batch on one rank: where MMEngine builds
            it, ``train_dataloader.batch_size``.
        source_share (float): Part of a batch that comes from the source, in
            [0, 1], with 0 or 1 in the order of a joint run. A
            :class:`ClassList` has no part. Defaults to 0.5.
        epoch (str | int): ``'target'`` or a number of batches. Defaults to
            'target'.

    Raises:
        TypeError: ``sampler`` is no DefaultSampler over a JointDataset.
        ValueError: An argument is out of its range, or leaves a domain out.
    """

    def __init__(self, sampler: DefaultSampler, batch_size: int,
                 source_share: float = 0.5, epoch: str | int = TARGET
                 ) -> None:
        require(isinstance(sampler, DefaultSampler), 'A JointSampler takes '
                'seed and shuffling from a DefaultSampler', 'but got '
                f'{type(sampler).__name__}', 'Set `train_dataloader.sampler` '
                "to dict(type='DefaultSampler', shuffle=True)", TypeError)
        dataset = sampler.dataset
        require(isinstance(dataset, JointDataset), 'A JointSampler needs a '
                'JointDataset', f'but got {type(dataset).__name__}', 'Set '
                '`train_dataloader.dataset` to one, and `epoch` of '
                f'{_WHERE} in place of `num_batch_per_epoch`', TypeError)
        if dataset.source_length == 0:
            source_share = 0.
        _check(batch_size, source_share, epoch, sampler.seed)
        # torch's own constructor would only check the types again.
        self.sampler: DefaultSampler = sampler
        self.batch_size = batch_size
        self.source_share = source_share
        self.epoch_by = epoch
        self.rank, self.world_size = get_dist_info()
        self.first_batch = 0
        #: Of each source image, shape (source_length, ); None: equal ones.
        self.source_weights = getattr(dataset.source, 'image_weights', None)

        num_source = round(batch_size * source_share)
        # Images of each domain in a full batch of one rank.
        self.per_batch = {SOURCE: num_source, TARGET: batch_size - num_source}
        self.lengths = {SOURCE: dataset.source_length,
                        TARGET: len(dataset.target)}
        self.num_full, self.last = self._plan()

    def _plan(self) -> tuple[int, dict[str, int]]:
        """Return the full batches, and each domain's images in the last."""
        none = {SOURCE: 0, TARGET: 0}
        if isinstance(self.epoch_by, int):
            return self.epoch_by, none
        source, target = self.per_batch[SOURCE], self.per_batch[TARGET]
        num_full, rest = divmod(self.lengths[TARGET], target * self.world_size)
        if rest == 0:
            return num_full, none
        here = math.ceil(rest / self.world_size)
        return num_full, {
            SOURCE: max(round(here * source / target), min(1, source)),
            TARGET: here}

    def __len__(self) -> int:
        """Return the number of batches in an epoch, the same on each rank."""
        return self.num_full + any(self.last.values())

    @property
    def seed(self) -> int:
        """int: Seed of the order, the sampler's."""
        return int(self.sampler.seed)

    def __iter__(self) -> Iterator[list[int]]:
        """Go through the batches of this rank's part: SeededIndex."""
        # Both are read here and now, not when the first batch is asked.
        first_batch, self.first_batch = self.first_batch, 0
        return self._batches(self.sampler.epoch, first_batch)

    def _batches(self, epoch: int, first_batch: int) -> Iterator[list[int]]:
        streams, positions, seeds = {}, {}, {}
        for number, domain in enumerate(DOMAINS):
            counted = domain == self.epoch_by
            streams[domain] = PermutationStream(
                self.lengths[domain], (self.seed, number),
                only=epoch if counted else None,
                shuffle=self.sampler.shuffle,
                weights=self.source_weights if domain == SOURCE else None)
            per_epoch = self.world_size * (
                self.num_full * self.per_batch[domain] + self.last[domain])
            positions[domain] = (0 if counted else epoch * per_epoch) + (
                first_batch * self.world_size * self.per_batch[domain])
            # A counted domain's places start over with each epoch.
            seeds[domain] = (self.seed, number, epoch if counted else 0)
        offsets = {SOURCE: 0, TARGET: self.lengths[SOURCE]}
        for number in range(first_batch, len(self)):
            sizes = self.per_batch if number < self.num_full else self.last
            batch: list[int] = []
            for domain, size in sizes.items():
                place = positions[domain] + self.rank * size
                positions[domain] += self.world_size * size
                part = streams[domain].take(place, size) + offsets[domain]
                batch.extend(map(SeededIndex, part.tolist(),
                                 sample_seeds(seeds[domain], place, size)))
            yield batch

    def set_epoch(self, epoch: int, first_batch: int = 0) -> None:
        """Choose the epoch, from 0, and the batch at which ``iter`` begins."""
        self.sampler.set_epoch(epoch)
        self.first_batch = first_batch


def _check(batch_size: int, source_share: float, epoch: str | int,
           seed: int | None) -> None:
    """Refuse what cannot make the batches asked for."""
    check_count(batch_size, 'train_dataloader.batch_size', _WHERE)
    check_real(source_share, 'source_share', _WHERE, high=1, with_high=True)
    check_count(seed, 'seed', '`train_dataloader.sampler`, or '
                '`randomness.seed`,', least=0)
    if isinstance(epoch, str):
        check_choice(epoch, 'epoch', _WHERE, (TARGET, ))
    else:
        check_count(epoch, 'epoch', _WHERE)
    num_source = round(batch_size * source_share)
    require(source_share in (0, 1) or 0 < num_source < batch_size,
            'Each batch must hold at least one image of each domain',
            f'but batch_size={batch_size} with source_share={source_share} '
            f'gives {num_source} source and {batch_size - num_source} target '
            'images', f'Change `batch_size`, or `source_share` of {_WHERE}')
    require(num_source < batch_size or epoch != TARGET,
            'An epoch counted by the target needs target images',
            f'but source_share={source_share} draws none',
            f'Set `epoch` or `source_share` of {_WHERE}')
