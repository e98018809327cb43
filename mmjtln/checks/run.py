"""A run as the checks look at it: its model, its data by split and domain."""
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmjtln.datasets import JointDataset
from mmjtln.datasets.contents import class_indices
from mmjtln.domains import DOMAINS, TARGET
from mmjtln.models import JTLNClassifier
from mmjtln.registry import HOOKS

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Run:
    """What a check is given: the runner, its model, its data by split."""

    runner: Runner
    model: JTLNClassifier
    datasets: dict[str, Dataset]

    @property
    def trains(self) -> bool:
        """bool: Whether it trains, or only tests."""
        return 'train' in self.datasets

    @property
    def data(self) -> Dataset:
        """Dataset: The training data, or the test data of one that tests."""
        return next(iter(self.datasets.values()))

    @property
    def judged(self) -> list[str]:
        """list[str]: The splits that are evaluated."""
        return [split for split in self.datasets if split != 'train']

    @cached_property
    def counts(self) -> dict[str, dict[str, np.ndarray]]:
        """dict: By split and domain the images a class, shape (classes, )."""
        return {split: {
            domain: np.bincount(class_indices(part, f'{domain} {split}'),
                                minlength=len(part.metainfo['classes']))
            for domain, part in domain_parts(dataset).items()}
            for split, dataset in self.datasets.items()}

    def has_hook(self, name: str) -> bool:
        """Whether the run has a hook that is registered by this name."""
        return any(isinstance(hook, HOOKS.get(name))
                   for hook in self.runner.hooks)


def domain_parts(dataset: Dataset) -> dict[str, Dataset]:
    """Return the data of each domain with images; a stock set is target."""
    if not isinstance(dataset, JointDataset):
        return {TARGET: dataset}
    return {domain: getattr(dataset, domain) for domain in DOMAINS
            if len(getattr(dataset, domain))}
