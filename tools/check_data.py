"""Look at all images of a config before it is trained.

    python tools/check_data.py my_config.py

Goes over every image of training, validation and test data, source and target:
files that cannot be read or are cut off, images left out for their extension
or beside the folders of the classes, transparent ones, hidden folders taken
for classes, class lists that differ, labels out of range, classes without an
image, and images that are in two splits. It prints a table and what is wrong,
with what to set. The exit status is 1 if anything is. As many processes read
as the config's loaders have workers.
"""
import argparse
import hashlib
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from mmengine import fileio
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image, UnidentifiedImageError
from torch.utils.data import DataLoader, Dataset

from mmjtln.checks.folders import look_into_folders
from mmjtln.checks.run import SPLITS
from mmjtln.datasets import ClassList
from mmjtln.datasets.build import build_domain
from mmjtln.datasets.class_lists import (
    check_several,
    classes_of,
    describe_difference,
    quote_names,
)
from mmjtln.datasets.contents import class_indices, name_image, unique_images
from mmjtln.domains import DOMAINS, TARGET
from mmjtln.errors import end_in_words, require
from mmjtln.inference.features import progress
from mmjtln.run_config import OptionsAction, name_checkpoint, read_config


class Picture(NamedTuple):
    """Path, digest of the content ('' if none), label, why it is of no use."""

    name: str
    digest: str
    label: object
    error: str


@dataclass
class PartReport:
    """What was found in the images of one domain of one split."""

    domain: str
    split: str
    classes: tuple[str, ...] = ()
    #: Images of each class, repeated ones as often; None if labels are wrong.
    counts: np.ndarray | None = None
    #: Number of images, each once, and how many of them cannot be used.
    images: int = 0
    unreadable: int = 0
    #: Images in its folders that it leaves out.
    left_out: int = 0
    #: What is wrong, each with what to set.
    problems: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    @property
    def name(self) -> str:
        """str: Such as ``'target val'``."""
        return f'{self.domain} {self.split}'

    def images_a_class(self) -> str:
        """Say which class has the fewest images and which the most."""
        if self.counts is None or not len(self.counts):
            return '-'
        few, many = self.counts.argmin(), self.counts.argmax()
        if self.counts[few] == self.counts[many]:
            return f'{self.counts[few]} each'
        return (f'{self.counts[few]} ({self.classes[few]}) to '
                f'{self.counts[many]} ({self.classes[many]})')


def check_data(cfg: Config) -> list[PartReport]:
    """Report on the images of each domain of each split of a config.

    Every image is read and put through its pipeline once, by as many
    processes as its loader has workers.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpretrain')
    reports, loaders, trained = [], [], {}
    for split in SPLITS:
        loader = cfg.get(f'{split}_dataloader') or {}
        data = loader.get('dataset') or {}
        joint = data.get('type') == 'mmjtln.JointDataset'
        for domain, part in (
                [(domain, data.get(domain)) for domain in DOMAINS] if joint
                else [(TARGET, data)] if data else []):
            report = PartReport(domain, split)
            reports.append(report)
            try:
                dataset = build_domain(domain, part)
                dataset.full_init()
            except Exception as error:  # Of any data set, for any reason.
                report.problems.append(f'it cannot be built: {error}')
                continue
            if isinstance(dataset, ClassList):
                reports.pop()
                continue
            report.classes = tuple(dataset.metainfo.get('classes') or ())
            if split == 'train':
                trained[domain] = report.classes
            report.problems += _annotations(
                report, dataset, trained.get(domain))
            loaders.append((report, DataLoader(
                _Pictures(dataset, report.name), batch_size=16,
                collate_fn=list, num_workers=loader.get('num_workers', 0))))
    require(reports, 'There must be data to check', 'but the config has none',
            'Set `train_dataloader`, `val_dataloader` or `test_dataloader`')
    _look_at_pictures(loaders)
    return reports


def _annotations(report: PartReport, dataset: Dataset,
                 expected: tuple[str, ...] | None) -> Iterator[str]:
    """Check classes, folders and labels, for which no image is read."""
    if expected and report.classes and report.classes != expected:
        yield ('its classes must be those of the training data in the same '
               f'order, but {describe_difference(expected, report.classes)}. '
               'Change its folders or `classes`.')
    report.left_out, problems = look_into_folders(dataset)
    yield from problems
    try:
        check_several(classes_of(dataset, report.name), report.name)
        labels = class_indices(dataset, report.name)
    except ValueError as error:
        yield str(error)
        return
    report.counts = np.bincount(labels, minlength=len(report.classes))
    empty = [report.classes[i] for i in np.flatnonzero(report.counts == 0)]
    if empty:
        yield (f'{len(empty)} of {len(report.classes)} classes have no image: '
               f'{quote_names(empty)}. Add images, or take them off the class '
               'list.')


def _look_at_pictures(loaders: list) -> None:
    """Read all images, compare the splits, and write down what is wrong."""
    batches = ((report, batch) for report, loader in loaders
               for batch in loader)
    total = sum(len(loader) for _, loader in loaders)
    for report, batch in progress(batches, total):
        report.pictures += batch
    for report, _ in loaders:
        errors = [image.error for image in report.pictures if image.error]
        report.images, report.unreadable = len(report.pictures), len(errors)
        if len(errors) == report.images > 1:
            errors = [f'no image can be read. {errors[0]}']
        report.problems += errors
        report.problems += _two_labels(report)
    for (first, _), (second, _) in combinations(loaders, 2):
        if first.split != second.split and (
                first.domain == second.domain or first.split == 'train'):
            second.problems += _overlap(first, second)


def _two_labels(report: PartReport) -> Iterator[str]:
    """Name a picture that stands there twice, with another label."""
    first: dict[str, Any] = {}
    pairs = [(first[image.digest], image) for image in report.pictures
             if image.digest and first.setdefault(
                 image.digest, image).label != image.label]
    if pairs:
        one, other = pairs[0]
        yield (f'{len(pairs)} images have the content of another with another '
               f'label, such as {one.name} ({one.label}) and {other.name} '
               f'({other.label}). Take one of the two out.')


def _overlap(first: PartReport, second: PartReport) -> Iterator[str]:
    """Say how many images two data sets share, by their content."""
    known = {image.digest: image.name for image in first.pictures
             if image.digest}
    shared = [image for image in second.pictures if image.digest in known]
    if shared and len(shared) == first.images == second.images:
        yield (f'the {second.name} images are the {first.name} images. Set '
               'one of the two to other images.')
    elif shared:
        pair = dict.fromkeys([known[shared[0].digest], shared[0].name])
        yield (f'{len(shared)} of {second.images} {second.name} images are '
               f'{first.name} images, too, such as {" is ".join(pair)}. Take '
               'them out of one of the two.')


class _Pictures(Dataset):
    """Each image of a data set, read and transformed once."""

    def __init__(self, dataset: Dataset, name: str) -> None:
        self.pairs = unique_images(dataset)
        self.name = name

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Picture:
        owner, i = self.pairs[index]
        info = owner.get_data_info(i)
        content = _content(info)
        digest = hashlib.sha256(content).hexdigest() if content else ''
        name = str(info.get('img_path') or f'number {i}')
        try:
            with name_image(owner, i, self.name):
                owner.pipeline(info)
            error = _incomplete(content, f'The {self.name} image {name}')
        except RuntimeError as problem:
            error = str(problem)
        return Picture(name, digest, info.get('gt_label'), error)


def _content(info: dict) -> bytes:
    """Return the bytes of an image, whether of a file or in memory."""
    pixels = info.get('img')
    if isinstance(pixels, np.ndarray):
        return repr(pixels.shape).encode() + pixels.tobytes()
    try:
        return fileio.get(info['img_path'])
    except Exception:  # The pipeline says it better.
        return b''


def _incomplete(content: bytes, name: str) -> str:
    """Say that a file is cut off, which OpenCV fills up with gray."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            Image.open(io.BytesIO(content)).load()
    except Exception as error:
        # What Pillow does not know or doubts, the pipeline has judged.
        if isinstance(error, OSError) and not isinstance(
                error, UnidentifiedImageError):
            return (f'{name} is damaged: {error}; what is missing is read as '
                    'gray. Restore the file, or take it out of the data set.')
    return ''


def table(reports: Sequence[PartReport]) -> str:
    """Write what was found as a table, a line for each data set."""
    rows = [('data', 'images', 'classes', 'unreadable', 'left out',
             'images a class')]
    rows += [(report.name, report.images, len(report.classes),
              report.unreadable, report.left_out, report.images_a_class())
             for report in reports]
    width = max(len(row[0]) for row in rows)
    return '\n'.join(
        f'{name:<{width}}  {images:>6}  {classes:>7}  {unreadable:>10}  '
        f'{left_out:>8}  {each}'
        for name, images, classes, unreadable, left_out, each in rows)


def main() -> int:
    """Check, print, and say by the exit status whether all is right."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a run')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction,
                        default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    args = parser.parse_args()
    cfg = read_config(args.config, args.cfg_options)
    reports = check_data(name_checkpoint(cfg))
    print(f'\n{table(reports)}\n')
    problems = [f'{report.name}: {problem}' for report in reports
                for problem in report.problems]
    for problem in problems:
        print(problem)
    print(f'{len(problems)} problem(s).' if problems else 'All is right.')
    return 1 if problems else 0


if __name__ == '__main__':
    end_in_words()
    sys.exit(main())
