"""A cost matrix read from a file."""
import hashlib
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.errors import check_choice, require
from mmjtln.files.user_files import read_rows, reading
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost
from .cost_matrix import CostMatrix


@COSTS.register_module()
class FileCost(BaseCost):
    """Costs from a file, matched to the data sets' classes by name.

    - ``.npz``: written by :meth:`CostMatrix.save` or ``tools/build_cost.py``;
    - ``.csv``: first row an empty cell and the target class names, then one
      row per source class: its name and its costs.

    Needs: the file. Cost: that of reading it.

    Args:
        path (str): The file.
        scale (bool): Scale to [0, 1]. Defaults to False: costs written down
            are taken as they are.
        **kwargs: Arguments of :class:`BaseCost`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, is of another kind, or was made
            for other classes.
    """

    def __init__(self, path: str, scale: bool = False, **kwargs: Any) -> None:
        super().__init__(scale=scale, **kwargs)
        check_choice(Path(path).suffix.lower(), 'path', 'FileCost',
                     ('.npz', '.csv'))
        self.path = str(path)

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> CostMatrix:
        """Read the matrix, in the order of the data sets' classes."""
        found = self._read(Path(self.path))
        source = classes_of(source_dataset, 'source')
        target = classes_of(target_dataset, 'target')
        try:
            aligned = found.align(source, target)
        except ValueError as error:
            raise ValueError(f'{self.path}: {error}') from None
        if aligned is not found:
            print_log(f'The cost matrix in {self.path} lists the classes in '
                      'another order than the data sets: reordered by name',
                      logger='current')
        return aligned

    def measure(self, prepared: CostMatrix) -> RawCost:
        """Return its entries, shape (L_s, L_t), and how it was made."""
        digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        details = dict(
            method=prepared.method, settings=prepared.settings,
            source_hash=prepared.source_hash) if prepared.method else {}
        return RawCost(prepared.matrix, digest, details)

    def _read(self, path: Path) -> CostMatrix:
        if path.suffix.lower() == '.npz':
            return CostMatrix.load(path)
        rows = [row for _, row in read_rows(path, 'cost matrix')]
        with reading(path, 'cost matrix', 'Correct the table.'):
            return _of_table(rows)


def _of_table(rows: list[list[str]]) -> CostMatrix:
    require(len(rows) > 1 and len(rows[0]) > 1, 'It needs a row of target '
            'class names and a row for each source class',
            f'got {len(rows)} rows', 'Add them')
    target = rows[0][1:]
    for number, row in enumerate(rows[1:], start=2):
        require(len(row) == len(rows[0]), 'All rows must have as many costs',
                f'but row {number} has {len(row) - 1} costs for '
                f'{len(target)} target classes', 'Complete it')
    return CostMatrix([row[1:] for row in rows[1:]],
                      [row[0] for row in rows[1:]], target)
