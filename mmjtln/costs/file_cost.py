"""A cost matrix read from a file."""
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.errors import check_choice, require
from mmjtln.files.user_files import read_rows, reading
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost, both_classes
from .cost_matrix import CostMatrix


@COSTS.register_module()
class FileCost(BaseCost):
    """Costs from a file, matched to the data sets' classes by name.

    - ``.npz``: written by :meth:`CostMatrix.save` or ``tools/build_cost.py``;
    - ``.csv``: first row an empty cell and the target class names, then one
      row per source class: its name and its costs.

    Args:
        path (str): The file.
        scale (bool): Scale to [0, 1]. Defaults to False: costs written down
            are taken as they are.
        **kwargs: Arguments of :class:`BaseCost`.
    """

    def __init__(self, path: str, scale: bool = False, **kwargs: Any) -> None:
        super().__init__(scale=scale, **kwargs)
        check_choice(Path(path).suffix.lower(), 'path', 'FileCost',
                     ('.npz', '.csv'))
        self.path = str(path)

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> CostMatrix:
        """Read the matrix, in the order of the data sets' classes."""
        found = _read(Path(self.path))
        try:
            return found.align(*both_classes(source_dataset, target_dataset))
        except ValueError as error:
            raise ValueError(f'{self.path}: {error}') from None

    def measure(self, prepared: CostMatrix) -> RawCost:
        """Return its entries, shape (L_s, L_t), and how it was made."""
        digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        details = dict(
            method=prepared.method, settings=prepared.settings,
            source_hash=prepared.source_hash) if prepared.method else {}
        return RawCost(prepared.matrix, digest, details)


def _read(path: Path) -> CostMatrix:
    if path.suffix.lower() == '.npz':
        return CostMatrix.load(path)
    rows = [row for _, row in read_rows(path, 'cost matrix')]
    with reading(path, 'cost matrix', 'Correct the table.'):
        require(len(rows) > 1 and len(rows[0]) > 1, 'It needs a row of target '
                'class names and a row for each source class',
                f'got {len(rows)} rows', 'Add them')
        (_, *target), *rows = rows
        for number, row in enumerate(rows, start=2):
            require(len(row) == len(target) + 1, 'All rows must have as many '
                    'costs', f'but row {number} has {len(row) - 1} costs for '
                    f'{len(target)} target classes', 'Complete it')
        return CostMatrix(
            np.array([costs for _, *costs in rows]),
            tuple(name for name, *_ in rows), tuple(target))
