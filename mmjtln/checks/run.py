"""A run as checks and hooks look at it: its model, its data by split."""
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets import JointDataset
from mmjtln.datasets.contents import class_indices
from mmjtln.domains import DOMAINS, TARGET
from mmjtln.errors import require
from mmjtln.models import JTLNClassifier
from mmjtln.registry import HOOKS

SPLITS = ('train', 'val', 'test')


def is_training(runner: Runner) -> bool:
    """Whether the run trains, not only tests."""
    return (runner._train_loop is not None
            and not isinstance(runner._train_loop, dict))


def unwrapped(runner: Runner) -> nn.Module:
    """Return the runner's model without wrappers, of whatever they are for."""
    model = runner.model
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def jtln_model(runner: Runner) -> JTLNClassifier:
    """Return the runner's model, unwrapped; refuse one of another type."""
    model = unwrapped(runner)
    require(isinstance(model, JTLNClassifier), 'The hooks of mmjtln serve a '
            'JTLNClassifier', f'but `model.type` is {type(model).__name__}',
            'Set it to mmjtln.JTLNClassifier, or remove the hooks from '
            '`custom_hooks`', TypeError)
    return model


@dataclass(frozen=True)
class Run:
    """What a check is given: the runner, its model, its data by split."""

    runner: Runner
    model: JTLNClassifier
    datasets: dict[str, Dataset]

    @classmethod
    def of(cls, runner: Runner) -> 'Run':
        """Look at a runner; before it trains, at its test data, too."""
        return cls(runner, jtln_model(runner), {
            split: getattr(runner, f'{split}_dataloader').dataset
            for split in (SPLITS if is_training(runner) else SPLITS[-1:])
            if getattr(runner, f'_{split}_loop') is not None})

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
