"""What every builder of cost matrices shares."""
import inspect
import json
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.errors import check_real
from mmjtln.version import __version__

from .cost_matrix import CostMatrix
from .normalise import normalise


@dataclass
class RawCost:
    """What a builder found out, before normalisation.

    Args:
        matrix (np.ndarray): Raw distances, shape (L_s, L_t).
        source_hash (str): SHA-256 of what they were computed from.
        details (dict): JSON-able facts worth keeping, such as bandwidths.
    """

    matrix: np.ndarray
    source_hash: str
    details: dict = field(default_factory=dict)


class BaseCost(metaclass=ABCMeta):
    """Base class of the builders of cost matrices.

    A builder is called with the two data sets (and, for those that look at
    images, the model being trained) and returns a :class:`CostMatrix`. It
    keeps no state between calls, so it can be called again on a model that
    has changed. Under ``torch.distributed`` all ranks must call it together;
    all get the same matrix.

    Subclasses implement :meth:`prepare`, which validates and is cheap, and
    :meth:`measure`, which does the work. They keep every argument of their
    ``__init__`` as an attribute of the same name: that is what a saved matrix
    tells about its making.

    Args:
        double_centre (bool): Take row and column means out of the matrix;
            see :func:`~mmjtln.costs.normalise.double_centre`.
            Defaults to False.
        scale (bool): Scale the matrix to [0, 1]. Defaults to True.
        temperature (float): Divide the scaled matrix by this positive number.
            Defaults to 1.
        cap (float, optional): Lower all entries above this quantile (in
            (0, 1)) of the raw distances to it. Defaults to None, no cap.

    Raises:
        ValueError: If ``temperature`` or ``cap`` is out of range.
    """

    #: Modules whose versions a saved matrix records.
    libraries = ('numpy', )

    def __init__(self,
                 double_centre: bool = False,
                 scale: bool = True,
                 temperature: float = 1.0,
                 cap: float | None = None) -> None:
        where = type(self).__name__
        check_real(temperature, 'temperature', where, with_low=False)
        if cap is not None:  # A quantile of the raw distances.
            check_real(cap, 'cap', where, high=1, with_low=False)
        self.double_centre = double_centre
        self.scale = scale
        self.temperature = temperature
        self.cap = cap

    def check(self, source_dataset: Dataset, target_dataset: Dataset,
              model: nn.Module | None = None) -> None:
        """Find bad input without doing the work.

        Takes the same arguments and raises the same errors as a call.
        """
        classes_of(source_dataset, 'source')
        classes_of(target_dataset, 'target')
        self.prepare(source_dataset, target_dataset, model)

    def __call__(self, source_dataset: Dataset, target_dataset: Dataset,
                 model: nn.Module | None = None) -> CostMatrix:
        """Build the cost matrix.

        Args:
            source_dataset (Dataset): MMPretrain data set of the source domain.
            target_dataset (Dataset): MMPretrain data set of the target domain.
            model (nn.Module, optional): The model being trained, for builders
                that look at images and name no model of their own.

        Returns:
            CostMatrix: Rows and columns in the order of the data sets'
            classes.

        Raises:
            ValueError: If the input does not suit the builder; the message
                says what to change.
        """
        source_classes = classes_of(source_dataset, 'source')
        target_classes = classes_of(target_dataset, 'target')
        prepared = self.prepare(source_dataset, target_dataset, model)
        costs, found = self.evaluate(prepared, source_classes,
                                     target_classes)
        return CostMatrix(
            costs,
            source_classes,
            target_classes,
            method=type(self).__name__,
            settings={
                **self.settings(), 'details': found.details
            },
            source_hash=found.source_hash,
            versions=self.versions())

    def evaluate(self, prepared: Any, source_classes: Sequence[str],
                 target_classes: Sequence[str]) -> tuple[np.ndarray, RawCost]:
        """Measure and normalise.

        Args:
            prepared (Any): What :meth:`prepare` returned.
            source_classes (tuple[str]): L_s names, for the errors.
            target_classes (tuple[str]): L_t names.

        Returns:
            tuple: Costs, shape (L_s, L_t), and what they were made from.
        """
        found = self.measure(prepared)
        raw = np.asarray(found.matrix, dtype=np.float64)
        if not np.isfinite(raw).all():
            i, j = np.argwhere(~np.isfinite(raw))[0]
            raise ValueError(
                f'{type(self).__name__} found a distance of {raw[i, j]} '
                f'between source class {source_classes[i]!r} and target class '
                f'{target_classes[j]!r}: look at what these classes hold')
        costs = normalise(raw, self.cap, self.double_centre, self.scale,
                          self.temperature)
        return costs, found

    @abstractmethod
    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> Any:
        """Validate the input and gather what :meth:`measure` needs."""

    @abstractmethod
    def measure(self, prepared: Any) -> RawCost:
        """Compute the raw distances, shape (L_s, L_t)."""

    def settings(self) -> dict:
        """Return the builder's options as a JSON-able dict."""
        names = {
            name
            for kind in type(self).__mro__ if '__init__' in vars(kind)
            for name, parameter in inspect.signature(
                kind.__init__).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        } - {'self'}
        options = {name: getattr(self, name) for name in sorted(names)}
        return json.loads(json.dumps(options, default=str))

    def versions(self) -> dict:
        """Return the versions of the libraries that take part."""
        return {
            'mmjtln': __version__,
            **{name: import_module(name).__version__
               for name in self.libraries}
        }
