"""What a run is about to do, in a line, and what of it looks wrong."""
from collections.abc import Iterator

import numpy as np
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmjtln.checks.data.folders import look_into_folders
from mmjtln.domains import SOURCE, TARGET

from .parts import domain_parts, split_datasets

#: A source of which a run sees less than this part is worth a word.
_SEEN = 0.5


def overview(runner: Runner,
             counts: dict[str, dict[str, np.ndarray]]) -> str:
    """Describe the data and the steps of a training run.

    Args:
        runner (Runner): With its training loop.
        counts (dict): Of each split and domain the images a class, shape
            (classes, ).

    Returns:
        str: Such as 'source: 436 images, 8 classes; target: 25 images, 5
        classes; an epoch is 4 steps of 8 + 8 images, the run 40 steps'.
    """
    sampler = runner.train_dataloader.batch_sampler
    lines = [
        f'{domain}: {found.sum()} images, {len(found)} classes'
        for domain, found in counts['train'].items()
    ]
    full, last = sampler.per_batch, sampler.last
    steps = f'{len(sampler)} steps of {full[SOURCE]} + {full[TARGET]} images'
    if any(last.values()):
        steps += f', the last of {last[SOURCE]} + {last[TARGET]}'
    if sampler.world_size > 1:
        steps += f', on each of {sampler.world_size} processes'
    lines.append(f'an epoch is {steps}; the run has {runner.max_iters} steps')
    for split in ('val', 'test'):
        if split in counts:
            lines.append(f'{split}: ' + ' and '.join(
                f'{found.sum()} {domain} images'
                for domain, found in counts[split].items()))
    return '; '.join(lines)


def doubts(runner: Runner,
           counts: dict[str, dict[str, np.ndarray]]) -> Iterator[str]:
    """Go through what is allowed and seldom meant, each with what to set.

    Args:
        runner (Runner): With its training loop.
        counts (dict): As for :func:`overview`.
    """
    sampler = runner.train_dataloader.batch_sampler
    images = counts['train'].get(SOURCE, np.zeros(0)).sum()
    seen = runner.max_iters * sampler.per_batch[SOURCE] * sampler.world_size
    if seen < _SEEN * images:
        yield (f'The run sees {seen} of {images} source images. For a longer '
               'one raise `train_cfg.max_epochs`, or `epoch` of '
               '`train_dataloader.batch_sampler`, a number of batches.')
    small = [domain for domain, size in sampler.last.items()
             if 0 < size < sampler.per_batch[domain] / 4]
    if small:
        yield ('The last step of each epoch has '
               f'{sampler.last[SOURCE]} source and {sampler.last[TARGET]} '
               'target images, few for a gradient. Set `drop_last=True` of '
               '`train_dataloader.batch_sampler`, or count its epochs in '
               'batches: `epoch=<number>`.')
    for split in ('val', 'test'):
        found = counts.get(split, {}).get(TARGET, np.ones(1))
        if (found == 0).any():
            dataset = getattr(runner, f'{split}_dataloader').dataset
            names = [dataset.metainfo['classes'][i]
                     for i in np.flatnonzero(found == 0)]
            yield (f'The {split} set has no image of {", ".join(names[:10])}: '
                   'its accuracy says nothing of them.')
    for split, dataset in split_datasets(runner).items():
        for domain, part in domain_parts(dataset).items():
            for problem in look_into_folders(part)[1]:
                yield f'In the {domain} {split} data set, {problem}'
    yield from _schedule_ends(runner)


def _schedule_ends(runner: Runner) -> Iterator[str]:
    """Say where a schedule of the learning rate is made for another run."""
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    schedules = runner.param_schedulers
    for schedule in schedules if isinstance(schedules, list) else ():
        length = getattr(schedule, 'T_max', None)
        if length is None:
            continue
        epochs = getattr(schedule, 'by_epoch', False)
        if epochs and not by_epoch:
            continue
        run = runner.max_epochs if epochs else runner.max_iters
        end = schedule.begin + length
        if end != run:
            unit = 'epochs' if epochs else 'iterations'
            yield (f'{type(schedule).__name__} is made for {end} {unit}, the '
                   f'run has {run}. Leave `T_max` and `end` out of '
                   '`param_scheduler` to have it follow the run.')
