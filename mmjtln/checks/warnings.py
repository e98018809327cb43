"""What a run is to do, and what of it is seldom meant."""
import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import quote_names
from mmjtln.datasets.contents import image_keys
from mmjtln.domains import SOURCE, TARGET

from .run import Run, domain_parts

#: A source of which a run sees less than this part is worth a word.
_SEEN = 0.5


def overview(run: Run) -> str:
    """Describe the data and the steps of a run that trains, in one line."""
    sampler = run.runner.train_dataloader.batch_sampler
    full, last = sampler.per_batch, sampler.last
    text = f'{len(sampler)} steps of {full[SOURCE]} + {full[TARGET]} images'
    if any(last.values()):
        text += f', the last of {last[SOURCE]} + {last[TARGET]}'
    if sampler.world_size > 1:
        text += f', on each of {sampler.world_size} processes'
    return '; '.join([
        *(f'{domain}: {found.sum()} images, {len(found)} classes'
          for domain, found in run.counts['train'].items()),
        f'an epoch is {text}; the run has {run.runner.max_iters} steps',
        *(f'{split}: ' + ' and '.join(
            f'{found.sum()} {domain} images'
            for domain, found in run.counts[split].items())
          for split in run.judged)])


def steps(run: Run) -> Iterator[str]:
    """The run sees few images, or a schedule is made for another length."""
    runner = run.runner
    sampler = runner.train_dataloader.batch_sampler
    full, last = sampler.per_batch, sampler.last
    images = run.counts['train'].get(SOURCE, np.zeros(0)).sum()
    seen = runner.max_iters * full[SOURCE] * sampler.world_size
    if seen < _SEEN * images:
        yield (f'The run sees {seen} of {images} source images. For a longer '
               'one raise `train_cfg.max_epochs`, or `epoch` of '
               '`train_dataloader.batch_sampler`, a number of batches.')
    if any(0 < size < full[domain] / 4 for domain, size in last.items()):
        yield (f'The last step of each epoch has {last[SOURCE]} source and '
               f'{last[TARGET]} target images, few for a gradient. Count '
               'its epochs in batches: `epoch=<number>` of '
               '`train_dataloader.batch_sampler`.')
    lengths = dict(iterations=runner.max_iters)
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        lengths['epochs'] = runner.max_epochs
    found = runner.param_schedulers
    for schedule in found if isinstance(found, list) else ():
        unit = ('epochs' if getattr(schedule, 'by_epoch', False)
                else 'iterations')
        end = schedule.begin + getattr(schedule, 'T_max', math.inf)
        if end < math.inf and unit in lengths and end != lengths[unit]:
            yield (f'{type(schedule).__name__} is made for {end} {unit}, the '
                   f'run has {lengths[unit]}. Leave `T_max` and `end` out of '
                   '`param_scheduler` to have it follow the run.')


def judged_images(run: Run) -> Iterator[str]:
    """Splits share images, or a judged one has none of a class."""
    for split in run.judged:
        classes = run.datasets[split].metainfo['classes']
        empty = [classes[i] for i in np.flatnonzero(
            run.counts[split][TARGET] == 0)]
        if empty:
            yield (f'The {split} set has no image of {quote_names(empty)}: '
                   'its accuracy says nothing of them.')
    names = dict(train='training', val='validation', test='test')
    known = {split: image_keys(domain_parts(dataset)[TARGET])
             for split, dataset in run.datasets.items()}
    for first, second in combinations(known, 2):
        shared = known[first] & known[second]
        if shared:
            yield (f'{len(shared)} of {len(known[second])} {names[second]} '
                   f'images are {names[first]} images, too: an accuracy on '
                   f'them is too high. Set `{second}_dataloader.dataset` to '
                   'others.')


def is_validation(datasets: dict[str, Dataset]) -> bool:
    """Whether the target images of the test set are those of validation."""
    parts = [domain_parts(datasets[split])[TARGET]
             for split in ('val', 'test') if split in datasets]
    return len(parts) == 2 and image_keys(parts[0]) == image_keys(parts[1])
