"""What is wrong with the data of a config, split by split."""
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.utils.data import Dataset

from mmjtln.datasets import ClassList
from mmjtln.datasets.build import build_domain
from mmjtln.datasets.class_lists import describe_difference, quote_names
from mmjtln.datasets.contents import class_indices
from mmjtln.domains import DOMAINS, TARGET
from mmjtln.inference.progress import track

from .folders import look_into_folders
from .overlap import overlap
from .pictures import look_at_all

SPLITS = ('train', 'val', 'test')


@dataclass
class PartReport:
    """What was found in the images of one domain of one split.

    Attributes:
        domain (str): ``'source'`` or ``'target'``.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        classes (tuple[str, ...]): The class names.
        counts (np.ndarray | None): Images of each class, shape (classes, ),
            repeated ones counted as often; None if labels are wrong.
        images (int): Number of images, each once.
        unreadable (int): How many of them cannot be used.
        left_out (int): Images in its folders that it leaves out.
        problems (list[str]): What is wrong, each with what to set.
    """

    domain: str
    split: str
    classes: tuple[str, ...] = ()
    counts: np.ndarray | None = None
    images: int = 0
    unreadable: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """str: Such as ``'target val'``."""
        return f'{self.domain} {self.split}'


def check_data(cfg: Config, progress: bool = True) -> list[PartReport]:
    """Look at all images of a config's training, validation and test data.

    Every image is read and put through its pipeline once, by as many
    processes as its loader has workers. No model is built.

    Args:
        cfg (Config): Config of a run, types as names; it is not changed.
        progress (bool): Whether to show a bar. Defaults to True.

    Returns:
        list[PartReport]: One for each domain of each split that there is
        and that has images.

    Raises:
        ValueError: If the config has no data set at all.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpretrain')
    reports, datasets = [], []
    for split in SPLITS:
        loader = cfg.get(f'{split}_dataloader') or {}
        for domain, part in _domain_configs(loader.get('dataset')):
            report = PartReport(domain, split)
            dataset = _build(domain, part, report)
            if isinstance(dataset, ClassList):
                continue
            reports.append(report)
            if dataset is not None:
                datasets.append(
                    (report, dataset, loader.get('num_workers', 0)))
    if not reports:
        raise ValueError(
            'There must be data to check, but the config has none. Set '
            '`train_dataloader`, `val_dataloader` or `test_dataloader`.')
    _check_class_lists(reports)
    for report, dataset, _ in datasets:
        _check_annotations(report, dataset)
    _check_pictures(datasets, progress)
    return reports


def _domain_configs(dataset: dict | None) -> Iterator[tuple[str, dict]]:
    if dataset is None:
        return
    if dataset.get('type') == 'mmjtln.JointDataset':
        for domain in DOMAINS:
            yield domain, dataset.get(domain)
    else:
        yield TARGET, dataset


def _build(domain: str, part: dict, report: PartReport) -> Dataset | None:
    """Build a data set, or write down why that fails."""
    try:
        dataset = build_domain(domain, part)
        dataset.full_init()
    except Exception as error:  # Of any data set, for any reason.
        report.problems.append(f'it cannot be built: {error}')
        return None
    report.classes = tuple(dataset.metainfo.get('classes') or ())
    return dataset


def _check_class_lists(reports: list[PartReport]) -> None:
    trained = {report.domain: report.classes for report in reports
               if report.split == 'train'}
    for report in reports:
        expected = trained.get(report.domain)
        if report.classes and expected and report.classes != expected:
            report.problems.append(
                'its classes must be those of the training data in the same '
                'order, but '
                f'{describe_difference(expected, report.classes)}. Change '
                'its folders or `classes`.')


def _check_annotations(report: PartReport, dataset: Dataset) -> None:
    """Check labels and folders, for which no image is read."""
    report.left_out, problems = look_into_folders(dataset)
    report.problems += problems
    if not report.classes:
        report.problems.append(
            'it has no class names. Set `metainfo=dict(classes=[...])`.')
        return
    try:
        labels = class_indices(dataset, report.name)
    except ValueError as error:
        report.problems.append(str(error))
        return
    report.counts = np.bincount(labels, minlength=len(report.classes))
    empty = [report.classes[i] for i in np.flatnonzero(report.counts == 0)]
    if empty:
        report.problems.append(
            f'{len(empty)} of {len(report.classes)} classes have no image: '
            f'{quote_names(empty)}. Add images, or take them off the class '
            'list.')


def _check_pictures(datasets: list, progress: bool) -> None:
    """Read all images, compare the splits, and write down what is wrong."""
    loaders = [(report, look_at_all(dataset, report.name, num_workers))
               for report, dataset, num_workers in datasets]
    steps = ((report, batch) for report, loader in loaders
             for batch in loader)
    found = {report.name: [] for report, _ in loaders}
    for report, batch in track(
            steps, sum(len(loader) for _, loader in loaders), progress):
        found[report.name] += batch
    for report, _ in loaders:
        pictures = found[report.name]
        errors = [picture.error for picture in pictures if picture.error]
        report.images, report.unreadable = len(pictures), len(errors)
        if len(errors) == len(pictures) > 1:
            errors = [f'no image can be read. {errors[0]}']
        report.problems += errors
    for (first, _), (second, _) in combinations(loaders, 2):
        if first.split != second.split and (
                first.domain == second.domain or first.split == 'train'):
            problem = overlap(found[first.name], found[second.name],
                              first.name, second.name)
            if problem is not None:
                second.problems.append(problem)
