"""A cost matrix read from a file."""
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.files.user_files import read_lines, read_rows, reading
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost
from .cost_matrix import CostMatrix

_SUFFIXES = ('.npz', '.npy', '.csv')


@COSTS.register_module()
class FileCost(BaseCost):
    """Costs from a file, matched to the data sets' classes by name.

    - ``.npz``: written by :meth:`CostMatrix.save` or ``tools/build_cost.py``;
    - ``.csv``: first row an empty cell and the target class names, then one
      row per source class: its name and its costs;
    - ``.npy``: the bare matrix (L_s, L_t); its class lists are arguments,
      because a matrix without names cannot be checked.

    Needs: the file. Cost: that of reading it.

    Args:
        path (str): The file.
        source_classes (list[str] | str, optional): For ``.npy``: the names of
            the rows, or a text file with one name a line. Defaults to None.
        target_classes (list[str] | str, optional): Likewise for the columns.
        scale (bool): Scale to [0, 1]. Defaults to False: costs written down
            are taken as they are.
        **kwargs: Arguments of :class:`BaseCost`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, is of another kind, or was made
            for other classes.
    """

    def __init__(self,
                 path: str,
                 source_classes: list | str | None = None,
                 target_classes: list | str | None = None,
                 scale: bool = False,
                 **kwargs: Any) -> None:
        super().__init__(scale=scale, **kwargs)
        suffix = Path(path).suffix.lower()
        if suffix not in _SUFFIXES:
            raise ValueError('a cost matrix is read from a file ending in '
                             f'{", ".join(_SUFFIXES)}; got {path}')
        lists = (source_classes is not None, target_classes is not None)
        if lists != (suffix == '.npy', suffix == '.npy'):
            raise ValueError(
                'source_classes and target_classes belong to a bare .npy '
                f'matrix, both of them; {path} ' +
                ('needs them' if suffix == '.npy' else 'names its own'))
        self.path = str(path)
        self.source_classes = source_classes
        self.target_classes = target_classes

    def prepare(
        self,
        source_dataset: Dataset,
        target_dataset: Dataset,
        model: nn.Module | None,
    ) -> Any:
        path = Path(self.path)
        if not path.is_file():
            raise FileNotFoundError(
                f'no cost matrix at {path}: correct the path of FileCost, or '
                'build one with tools/build_cost.py')
        found = self._read(path)
        source = classes_of(source_dataset, 'source')
        target = classes_of(target_dataset, 'target')
        try:
            aligned = found.align(source, target)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
        if aligned is not found:
            print_log(
                f'The cost matrix in {path} lists the classes in another '
                'order than the data sets: reordered by name',
                logger='current')
        return aligned

    def measure(self, prepared: Any) -> RawCost:
        digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        details = {}
        if prepared.method:
            details = dict(
                method=prepared.method,
                settings=prepared.settings,
                source_hash=prepared.source_hash)
        return RawCost(prepared.matrix, digest, details)

    def _read(self, path: str | Path) -> CostMatrix:
        suffix = path.suffix.lower()
        if suffix == '.npz':
            return CostMatrix.load(path)
        if suffix == '.csv':
            rows = [row for _, row in read_rows(path, 'cost matrix')]
            with reading(path, 'cost matrix', 'Correct the table.'):
                return _of_table(rows)
        source = _names(self.source_classes)
        target = _names(self.target_classes)
        with reading(path, 'cost matrix',
                     'Save it as numpy.save does, one row a source class.'):
            return CostMatrix(
                np.load(path, allow_pickle=False), source, target)


def _of_table(rows: list[list[str]]) -> CostMatrix:
    if len(rows) < 2 or len(rows[0]) < 2:
        raise ValueError('it needs a row of target class names and a row for '
                         'each source class')
    target = rows[0][1:]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(target) + 1:
            raise ValueError(f'row {number} has {len(row) - 1} costs for '
                             f'{len(target)} target classes')
    return CostMatrix([row[1:] for row in rows[1:]],
                      [row[0] for row in rows[1:]], target)


def _names(names: Sequence[str]) -> list[str]:
    if isinstance(names, str):
        return read_lines(names, 'class list')
    return list(names)
