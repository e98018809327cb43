"""What every builder of cost matrices does: check, measure, normalise."""
import inspect
import json
import logging
from abc import ABCMeta, abstractmethod
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from mmengine.logging import print_log
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.errors import refusal
from mmjtln.inference.features import on_first_rank
from mmjtln.version import __version__

from .cost_matrix import CostMatrix


@dataclass
class RawCost:
    """Distances (L_s, L_t), the SHA-256 of their source, JSON-able facts."""

    matrix: np.ndarray
    source_hash: str
    details: dict[str, Any] = field(default_factory=dict)


class BaseCost(metaclass=ABCMeta):
    """Base class of the builders of cost matrices.

    A builder keeps no state between calls. Under ``torch.distributed`` all
    ranks must call it together: rank 0 measures, and all get its matrix.

    Subclasses implement :meth:`prepare`, which validates and is cheap, and
    :meth:`measure`, which does the work. They keep every argument of their
    ``__init__`` as an attribute of the same name: that is what a saved matrix
    tells about its making.

    Args:
        double_centre (bool): Take row and column means out of the matrix.
            They leave the optimal plan as it is but tilt the gradients of the
            marginals, and domain shift adds such constants to distances of
            features. Defaults to False.
        scale (bool): Then scale it to [0, 1]. Without, it is only shifted up
            to a minimum of 0 if it has negative entries. Defaults to True.
    """

    #: Modules whose versions a saved matrix records.
    libraries: tuple[str, ...] = ('numpy', )

    def __init__(self, double_centre: bool = False,
                 scale: bool = True) -> None:
        self.double_centre = double_centre
        self.scale = scale

    def check(self, source_dataset: Dataset, target_dataset: Dataset,
              model: nn.Module | None = None) -> None:
        """Find bad input without doing the work; takes what a call does."""
        both_classes(source_dataset, target_dataset)
        self.prepare(source_dataset, target_dataset, model)

    def __call__(self, source_dataset: Dataset, target_dataset: Dataset,
                 model: nn.Module | None = None) -> CostMatrix:
        """Build the cost matrix, in the order of the data sets' classes."""
        source, target = both_classes(source_dataset, target_dataset)
        prepared = self.prepare(source_dataset, target_dataset, model)
        found = on_first_rank(lambda: self.measure(prepared))
        raw = np.asarray(found.matrix, dtype=np.float64)
        if not np.isfinite(raw).all():
            i, j = np.argwhere(~np.isfinite(raw))[0]
            raise refusal(
                f'{type(self).__name__} must find finite distances',
                f'but got {raw[i, j]} between source class {source[i]!r} and '
                f'target class {target[j]!r}', 'Look at what they hold')
        return CostMatrix(
            normalise(raw, self.double_centre, self.scale), source, target,
            method=type(self).__name__,
            settings={**self.settings(), 'details': found.details},
            source_hash=found.source_hash, versions=self.versions())

    @abstractmethod
    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> Any:
        """Validate the input and gather what :meth:`measure` needs."""

    @abstractmethod
    def measure(self, prepared: Any) -> RawCost:
        """Compute the raw distances."""

    def settings(self) -> dict[str, Any]:
        """Return the builder's options as a JSON-able dict."""
        names = {name for kind in type(self).__mro__
                 for name in inspect.signature(kind).parameters}
        found: dict[str, Any] = json.loads(json.dumps(
            {name: getattr(self, name)
             for name in sorted(names & vars(self).keys())}, default=str))
        return found

    def versions(self) -> dict[str, Any]:
        """Return the versions of the libraries that take part."""
        return {'mmjtln': __version__, **{
            name: import_module(name).__version__ for name in self.libraries}}


def both_classes(
        source_dataset: Dataset, target_dataset: Dataset
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the class lists of both data sets."""
    return (classes_of(source_dataset, 'source'),
            classes_of(target_dataset, 'target'))


def normalise(matrix: np.ndarray, double_centre: bool = False,
              scale: bool = True) -> np.ndarray:
    """Turn raw distances (L_s, L_t) into costs, as BaseCost has it."""
    # What rounding leaves of a constant matrix must not be blown up.
    noise = 1e-12 * np.abs(matrix).max()
    if double_centre:
        matrix = (matrix - matrix.mean(axis=1, keepdims=True)
                  - matrix.mean(axis=0, keepdims=True) + matrix.mean())
    low, high = matrix.min(), matrix.max()
    costs: np.ndarray = matrix - (low if scale else min(low, 0))
    if scale and high - low <= noise:
        print_log('All entries of the cost matrix are equal: it tells the OT '
                  'term nothing about how the classes are related.',
                  logger='current', level=logging.WARNING)
        return np.zeros_like(matrix)
    return costs / (high - low) if scale else costs
