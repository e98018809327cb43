"""What a run is to do, and what of it, or of folders, is seldom meant."""
import logging
import math
import os
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.datasets import CustomDataset
from torch.utils.data import Dataset

from mmjtln.costs.text import TextCost
from mmjtln.datasets.class_lists import ClassList, check_several, quote_names
from mmjtln.datasets.contents import image_keys, look_through
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import require, told
from mmjtln.files.user_files import (
    IMG_EXTENSIONS,
    UNDECODED,
    is_left_behind,
    is_transparent,
    left_out,
    reading,
    walk,
)

from .run import Run, domain_parts

#: Names of splits, which are no classes.
_SPLITS = {'train', 'training', 'val', 'valid', 'validation', 'test',
           'testing'}
#: A source of which a run sees less than this part is worth a word.
_SEEN = 0.5
#: Pictures of a data set that are looked at for transparency.
_LOOKED_AT = 200
#: Names that mean nothing: what is no nearer than they are is not near.
_MEANINGLESS = ('B06', 'xqzt', 'class 3', 'ztp-88', 'unnamed', 'item 12',
                'qwfp', 'label 7', 'k9x', 'foo bar')


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


def folders(run: Run) -> Iterator[str]:
    """Images are left out for their extension, or hidden ones are taken in."""
    for split, dataset in run.datasets.items():
        for domain, part in domain_parts(dataset).items():
            for problem in look_into_folders(part)[1]:
                yield f'In the {domain} {split} data set, {problem}'


def class_folders(root: str | Path, out: str | Path,
                  pipeline: Sequence[dict] = ()) -> CustomDataset:
    """Read folders of images, one a class, of which ``out`` is to be made."""
    require(Path(root).resolve() not in Path(out, 'it').resolve().parents,
            'What is written lies outside of the folder of images',
            f'but {out} is in {root}', 'Name another place')
    with DefaultScope.overwrite_default_scope('mmpretrain'), reading(
            root, 'folder of images', 'Give each class a folder in it.'):
        dataset = CustomDataset(data_root=str(root), pipeline=pipeline,
                                extensions=IMG_EXTENSIONS)
    for problem in odd_classes(dataset):
        raise told(f'Each folder of images is a class, but {problem}')
    for problem in look_into_folders(dataset)[1]:
        print_log(problem, logger='current', level=logging.WARNING)
    check_several(dataset.metainfo['classes'], 'folder of images')
    return dataset


def look_into_folders(dataset: Dataset) -> tuple[int, list[str]]:
    """Count the images that folders leave out, and say what is wrong."""
    # MMPretrain's CustomDataset takes each folder for a class and leaves out
    # every file whose extension it was not given, both without a word.
    count, problems = 0, []
    for base in look_through(dataset)[0]:
        if isinstance(base, CustomDataset) and not base.ann_file:
            root, beside = Path(base.img_prefix), _beside(base)
            # What begins with a dot, the host leaves out, too.
            others = left_out(
                Path(home, name) for home, _, names in walk(root)
                for name in names
                if not name.startswith('.') and not base.is_valid_file(name))
            count += sum(map(len, [beside, *others.values()]))
            known = tuple(sorted({*base.extensions, *others} - {*UNDECODED}))
            problems += odd_classes(base) + [
                f'{len(files)} images that end in {ending} in {root} are left '
                f'out, such as {files[0]}. ' + (
                    'Convert them to .jpg or .png.' if ending in UNDECODED
                    else f'Set `extensions={known}` of the data set.')
                for ending, files in others.items()]
            if beside:
                problems.append(
                    f'{len(beside)} images lie beside the folders of the '
                    f'classes and are left out, such as {beside[0]}. Move '
                    'each into the folder of its class.')
        step = -(-len(base) // _LOOKED_AT) or 1
        problems += transparent([
            str(base.get_data_info(i).get('img_path', ''))
            for i in range(0, len(base), step)])
    return count, problems


def transparent(files: Sequence[str]) -> list[str]:
    """Say that some of up to 200 pictures are transparent, which is lost."""
    # The hosts' readers drop alpha, and so does a stock model that is
    # exported: composed here alone, it would see other pictures.
    files = files[::-(-len(files) // _LOOKED_AT) or 1]
    found = [file for file in files if is_transparent(file)]
    return [f'{len(found)} of {len(files)} images looked at are transparent, '
            f'such as {found[0]}: what lies behind is seen, often black. '
            'Compose them on white, as ImageMagick does by `mogrify '
            '-background white -alpha remove FILES`.'] if found else []


def odd_classes(base: CustomDataset) -> list[str]:
    """Say which folders of a data set are taken for classes and are none."""
    root, classes = Path(base.img_prefix), getattr(base, 'folder_to_idx', {})
    hidden = [os.path.relpath(os.path.join(home, name), root)
              for home, folders, _ in walk(root)
              for name in folders if is_left_behind(name)]
    taken = sorted(classes.keys() & {*hidden})
    inside = sorted(name for name in hidden if os.sep in name)
    splits = sorted(name for name in classes if name.lower() in _SPLITS)
    return [text for found, text in (
        (taken, f'{quote_names(taken)} in {root} is taken for a class, as '
         'each folder is. Remove it.'),
        (inside, f'images in {quote_names(inside)} of {root} are taken for '
         'images of the class. Remove the folder.'),
        (splits[1:], f'{quote_names(splits)} in {root} are taken for classes, '
         'as each folder is. Name one of them.')) if found]


def _beside(base: CustomDataset) -> list[Path]:
    """Find the images that lie beside the folders of the classes."""
    root = Path(base.img_prefix)
    return sorted(file for file in root.iterdir() if file.is_file()
                  and not is_left_behind(file.name)
                  and base.is_valid_file(file.name)
                  ) if getattr(base, 'folder_to_idx', {}) else []


def is_validation(datasets: dict[str, Dataset]) -> bool:
    """Whether the target images of the test set are those of validation."""
    parts = [domain_parts(datasets[split])[TARGET]
             for split in ('val', 'test') if split in datasets]
    return len(parts) == 2 and image_keys(parts[0]) == image_keys(parts[1])


def far_classes(builder: TextCost, source: ClassList,
                names: tuple[str, ...]) -> tuple[str, ...]:
    """Name the classes that are as far as what means nothing."""
    meaningless = [name for name in _MEANINGLESS if name not in names]
    nearest = builder(source, ClassList([*names, *meaningless])).matrix.min(0)
    limit = np.median(nearest[len(names):])
    return tuple(name for name, least in zip(
        names, nearest[:len(names)], strict=True) if least >= limit)
