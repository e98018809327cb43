"""The order in which joint training sees its images."""
import math
from collections.abc import Iterator

from mmengine.dataset import DefaultSampler
from mmengine.dist import get_dist_info
from torch.utils.data import BatchSampler

from mmjtln.datasets.joint_dataset import JointDataset
from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.registry import DATA_SAMPLERS

from .permutation_stream import PermutationStream
from .sample_seed import SeededIndex, sample_seeds

_WHERE = '`train_dataloader.batch_sampler`'


@DATA_SAMPLERS.register_module()
class JointSampler(BatchSampler):
    r"""Batches of a :class:`JointDataset`, each with a fixed ratio.

    A batch sampler for a stock ``DataLoader``: the loader's ``batch_size``
    is the only one, and the stock ``sampler`` says seed and shuffling::

        train_dataloader=dict(
            batch_size=64,
            dataset=dict(type='mmjtln.JointDataset', ...),
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(type='mmjtln.JointSampler', source_share=0.5))

    Each batch has
    :math:`n_s = \mathrm{round}(\mathrm{batch\_size} \cdot
    \mathrm{source\_ratio})` source images followed by
    :math:`n_t = \mathrm{batch\_size} - n_s` target images, on every rank.

    Each domain is an endless stream of seeded permutations of its images, so
    no image comes twice before all of its domain have come once. What a rank
    yields is a function of (seed, epoch, rank, world size) and nothing else:
    positions in the streams are computed, not remembered. One global batch
    takes ``world_size`` times :math:`n_s` and :math:`n_t` consecutive
    positions and deals them out by rank, so ranks are disjoint, and ``W``
    ranks with batch size ``B / W`` see in each step the images that one
    process with batch size ``B`` sees, if ``W`` divides :math:`n_s` and
    :math:`n_t`.

    Each index is a
    :class:`~mmjtln.datasets.sampling.sample_seed.SeededIndex`: it carries a
    seed that depends on (seed, domain, place in the domain's
    stream) alone, from which :class:`JointDataset` draws the sample's random
    augmentation. So an image is augmented alike whatever the number of
    workers and processes, and in a resumed run.

    **Weighted source images.** With :attr:`source_weights`, which the
    ``draw`` of a :class:`UnionDataset` or
    :class:`~mmjtln.peers.SourceWeightsHook` sets, the source stream's
    permutations become draws by weight, each a function of the seed and its
    number, too.

    **Epochs counted by a domain.** With ``epoch='target'``, epoch ``k`` is
    the ``k``-th permutation of the target, each image once over all ranks,
    while the source stream goes on where the last epoch left it;
    ``epoch='source'`` swaps the roles. If the images do not divide into
    global batches, the last batch is smaller. It has
    :math:`m = \lceil r / W \rceil` images of the counted domain on each of
    ``W`` ranks, ``r`` being what is left. If ``W`` does not divide ``r``,
    the permutation starts over for the ``W m - r`` images wanting, as in
    MMEngine's ``DefaultSampler``; these, fewer than ``W``, are the only ones
    seen twice in the epoch. Of the other domain the last batch has the
    number nearest to the same ratio, at least one. All ranks have the same
    numbers, so the mean over ranks that DistributedDataParallel takes is the
    mean over all images of the step, one seen twice counting twice. For runs
    of different world sizes to be the same, let ``W`` divide ``r`` and its
    part of the other domain, or count epochs by batches.

    **Epochs counted by batches.** With an int, all batches are full and both
    streams run on across epochs. An iteration-based loop, which pauses at
    each end of the sampler, is best given one epoch as long as the run.

    Args:
        sampler (DefaultSampler): MMEngine's, over a :class:`JointDataset`.
            Its ``seed`` (the runner's, where MMEngine builds it), ``epoch``
            and ``shuffle`` are this one's; False goes through each domain in
            its own order. The order of the images is not that sampler's.
        batch_size (int): Number of images in a batch on one rank: where
            MMEngine builds it, ``train_dataloader.batch_size``.
        source_share (float): Part of a batch that comes from the source, in
            [0, 1]. Halves are rounded to even. With 0 or 1 one domain alone
            is drawn, in the order of a joint run: for a stock classifier that
            a joint run is compared with. A source without images (a
            ``ClassList``) has no part, whatever this says. Defaults to 0.5.
        epoch (str | int): What an epoch is: ``'target'``, ``'source'``, or a
            number of batches. Defaults to 'target'.
        drop_last (bool): Whether to leave out the smaller last batch of an
            epoch; other images in each epoch, if they are shuffled.
            Defaults to False.

    Raises:
        TypeError: ``sampler`` is no DefaultSampler over a JointDataset.
        ValueError: A batch cannot hold the domains asked for, or an argument
            is out of its range.
    """

    def __init__(self,
                 sampler: DefaultSampler,
                 batch_size: int,
                 source_share: float = 0.5,
                 epoch: str | int = TARGET,
                 drop_last: bool = False) -> None:
        if not isinstance(sampler, DefaultSampler):
            raise TypeError(
                'a JointSampler takes seed and shuffling from a '
                f'DefaultSampler, but got {type(sampler).__name__}; set '
                '`train_dataloader.sampler` to '
                "dict(type='DefaultSampler', shuffle=True)")
        dataset = sampler.dataset
        if not isinstance(dataset, JointDataset):
            raise TypeError(
                'a JointSampler needs a JointDataset, but got '
                f'{type(dataset).__name__}; set `train_dataloader.dataset` '
                "to dict(type='mmjtln.JointDataset', ...) and, instead of "
                '`num_batch_per_epoch`, set `epoch` of the batch sampler')
        if dataset.source_length == 0:
            source_share = 0.
        _check(batch_size, source_share, epoch, sampler.seed)
        # torch's own constructor would only check the types again.
        self.sampler = sampler
        self.batch_size = batch_size
        self.source_share = source_share
        self.epoch_by = epoch
        self.drop_last = drop_last
        self.rank, self.world_size = get_dist_info()
        self.first_batch = 0
        #: How often each source image is drawn, in proportion, shape
        #: (source_length, ), from the next ``iter`` on; None: equally.
        self.source_weights = getattr(dataset.source, 'image_weights', None)

        num_source = round(batch_size * source_share)
        # Images of each domain in a full batch of one rank.
        self.per_batch = {SOURCE: num_source, TARGET: batch_size - num_source}
        self.lengths = {
            SOURCE: dataset.source_length,
            TARGET: dataset.target_length
        }
        self.num_full, self.last = self._plan()
        if drop_last:
            self.last = dict.fromkeys(self.last, 0)
        if not len(self):
            raise ValueError(
                f'an epoch must have a full batch with `drop_last`, but '
                f'{self.lengths[self.epoch_by]} {self.epoch_by} images do not '
                f'fill one; change `drop_last` or `epoch` of {_WHERE}')

    def _plan(self) -> tuple[int, dict[str, int]]:
        """Return the full batches of an epoch, and what the last one holds.

        Returns:
            tuple: Number of full batches (int), and images of each domain in
            the smaller last batch of one rank (dict), 0 if there is none.
        """
        none = {SOURCE: 0, TARGET: 0}
        if isinstance(self.epoch_by, int):
            return self.epoch_by, none
        counted = self.epoch_by
        other = SOURCE if counted == TARGET else TARGET
        num_full, rest = divmod(self.lengths[counted],
                                self.per_batch[counted] * self.world_size)
        if rest == 0:
            return num_full, none
        here = math.ceil(rest / self.world_size)
        there = round(here * self.per_batch[other] / self.per_batch[counted])
        there = max(there, min(1, self.per_batch[other]))
        # Updating keeps the order of the keys: the source comes first.
        return num_full, {**none, counted: here, other: there}

    def __len__(self) -> int:
        """Return the number of batches in an epoch, the same on each rank."""
        return self.num_full + any(self.last.values())

    @property
    def seed(self) -> int:
        """int: Seed of the order, the sampler's."""
        return self.sampler.seed

    def __iter__(self) -> Iterator[list[SeededIndex]]:
        """Go through the batches of this rank's part of the epoch."""
        # Both are read here and now, not when the first batch is asked.
        first_batch, self.first_batch = self.first_batch, 0
        return self._batches(self.sampler.epoch, first_batch)

    def _batches(self, epoch: int,
                 first_batch: int) -> Iterator[list[SeededIndex]]:
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
            batch = []
            for domain, size in sizes.items():
                place = positions[domain] + self.rank * size
                positions[domain] += self.world_size * size
                part = streams[domain].take(place, size) + offsets[domain]
                batch.extend(map(SeededIndex, part.tolist(),
                                 sample_seeds(seeds[domain], place, size)))
            yield batch

    def set_epoch(self, epoch: int, first_batch: int = 0) -> None:
        """Choose what the next ``iter`` goes through.

        Args:
            epoch (int): Number of the epoch, from 0.
            first_batch (int): The batch of it to begin with, for the next
                ``iter`` alone. Defaults to 0.
        """
        self.sampler.set_epoch(epoch)
        self.first_batch = first_batch


def _check(batch_size: int, source_share: float, epoch: str | int,
           seed: int | None) -> None:
    """Refuse what cannot make the batches asked for."""
    if not _is_int(batch_size) or batch_size < 1:
        raise ValueError(
            'batch_size must be a positive int, but got '
            f'{batch_size!r}; set `train_dataloader.batch_size` for {_WHERE}')
    if not isinstance(source_share, float) or not 0 <= source_share <= 1:
        raise ValueError(
            'source_share must be a float in [0, 1], but got '
            f'{source_share!r}; set `source_share` of {_WHERE}')
    num_source = round(batch_size * source_share)
    if 0 < source_share < 1 and not 0 < num_source < batch_size:
        raise ValueError(
            'each batch must hold at least one image of each domain, but '
            f'batch_size={batch_size} with source_share={source_share} '
            f'gives {num_source} source and {batch_size - num_source} target '
            f'images; set `train_dataloader.batch_size`, or `source_share` '
            f'of {_WHERE}')
    if epoch not in DOMAINS and not (_is_int(epoch) and epoch > 0):
        raise ValueError(
            "epoch must be 'target', 'source' or a positive int, a number "
            f'of batches, but got {epoch!r}; set `epoch` of {_WHERE}')
    if not _is_int(seed) or seed < 0:
        raise ValueError(
            f'the seed of the order must be an int >= 0, but got {seed!r}; '
            'set `randomness.seed`, or `seed` of `train_dataloader.sampler`')
    absent = {0: SOURCE, batch_size: TARGET}.get(num_source)
    if absent is not None and epoch == absent:
        raise ValueError(
            f'an epoch counted by the {absent} needs {absent} images, but '
            f'source_share={source_share} draws none; set `epoch` or '
            f'`source_share` of {_WHERE}')


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
