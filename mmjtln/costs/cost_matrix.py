"""A cost matrix with its class lists and history, in memory and as a file."""
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmjtln.datasets.class_lists import check_names, describe_difference
from mmjtln.errors import refusal, require
from mmjtln.files.atomic_file import atomic_write
from mmjtln.files.user_files import existing, reading

_LARGEST = float(np.finfo(np.float32).max)
_META = ('method', 'settings', 'source_hash', 'versions')


@dataclass(frozen=True, eq=False)
class CostMatrix:
    """How unrelated each source class is to each target class; always valid.

    Args:
        matrix (array-like): Costs, shape (L_s, L_t), finite in float32 and
            non-negative, 0 being the most related; kept as a float64 copy.
        source_classes (Sequence[str]): L_s unique names, of the rows.
        target_classes (Sequence[str]): L_t unique names, of the columns.
        method (str): Name of the builder. Defaults to ``''``.
        settings (dict): The builder's options, JSON-able. Defaults to none.
        source_hash (str): SHA-256 of what the matrix was computed from
            (features, files, ...). Defaults to ``''``.
        versions (dict[str, str]): Of the libraries that took part. Defaults
            to none.
    """

    matrix: np.ndarray
    source_classes: tuple[str, ...]
    target_classes: tuple[str, ...]
    method: str = ''
    settings: dict[str, Any] = field(default_factory=dict)
    source_hash: str = ''
    versions: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        source = check_names(self.source_classes, 'source')
        target = check_names(self.target_classes, 'target')
        try:
            matrix = np.array(self.matrix, dtype=np.float64, order='C')
            json.dumps([self.settings, self.versions])
        except (TypeError, ValueError) as error:
            raise ValueError('A cost matrix must hold numbers only, and its '
                             f'settings be JSON-able, but {error}.') from None
        require(matrix.shape == (len(source), len(target)), 'A cost matrix is '
                'two-dimensional, one row per source class and one column per '
                'target class', f'expected shape ({len(source)}, '
                f'{len(target)}), got {matrix.shape}',
                'Pass matrix.T if it is the transpose')
        for bad, rule in ((~np.isfinite(matrix), 'finite'),
                          (matrix < 0, 'non-negative'),
                          (matrix > _LARGEST, f'at most {_LARGEST:.1e}, since '
                           'training computes in float32')):
            if bad.any():
                i, j = np.argwhere(bad)[0]
                raise refusal(
                    f'The entries of a cost matrix must be {rule}',
                    f'but {bad.sum()} are not, the first is {matrix[i, j]} '
                    f'for source class {source[i]!r} and target class '
                    f'{target[j]!r}', 'Correct what computed it')
        for key, value in (('matrix', matrix), ('source_classes', source),
                           ('target_classes', target)):
            object.__setattr__(self, key, value)

    def align(self, source_classes: Sequence[str],
              target_classes: Sequence[str]) -> 'CostMatrix':
        """Reorder by name to class lists; ``self`` if nothing moves."""
        source = check_names(source_classes, 'source')
        target = check_names(target_classes, 'target')
        if (source, target) == (self.source_classes, self.target_classes):
            return self
        sides = (('source', source, self.source_classes),
                 ('target', target, self.target_classes))
        problems = [f'of its {side} classes, {describe_difference(want, have)}'
                    for side, want, have in sides if set(want) != set(have)]
        require(not problems, 'A cost matrix must be of the classes of the '
                'data sets', f'but {"; ".join(problems)}', 'Rebuild it for '
                'these data sets, or correct the class names')
        order = np.ix_(*([have.index(name) for name in want]
                         for _, want, have in sides))
        return replace(self, matrix=self.matrix[order],
                       source_classes=source, target_classes=target)

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` file, whole or not at all, and its folders."""
        meta = {key: getattr(self, key) for key in _META}
        with atomic_write(path) as file:
            np.savez(file, matrix=self.matrix, meta=np.array(json.dumps(meta)),
                     source_classes=np.array(self.source_classes),
                     target_classes=np.array(self.target_classes))

    @classmethod
    def load(cls, path: str | Path) -> 'CostMatrix':
        """Read a file that :meth:`save` wrote; nothing in it is unpickled."""
        path = existing(path, 'cost matrix')
        with (reading(path, 'cost matrix',
                      'Build it again with tools/build_cost.py.'),
              np.load(path, allow_pickle=False) as archive):
            return cls(archive['matrix'], archive['source_classes'].tolist(),
                       archive['target_classes'].tolist(),
                       **json.loads(str(archive['meta'])))
