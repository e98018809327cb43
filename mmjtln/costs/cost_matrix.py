"""A cost matrix with the two class lists and the story of its making."""
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmjtln.datasets.class_lists import check_names, describe_difference
from mmjtln.errors import require
from mmjtln.files.atomic_file import atomic_write
from mmjtln.files.user_files import reading

_LARGEST = float(np.finfo(np.float32).max)
_MATRIX = 'matrix'
_SOURCE = 'source_classes'
_TARGET = 'target_classes'
_META = 'meta'
_KEYS = (_MATRIX, _SOURCE, _TARGET, _META)
_META_TYPES = dict(method=str, settings=dict, source_hash=str, versions=dict)


@dataclass(frozen=True, eq=False)
class CostMatrix:
    """How unrelated each source class is to each target class.

    The object is valid from its making on and not meant to be changed: whoever
    holds one need not check it again, except against the class lists of the
    data at hand (:meth:`align`).

    Args:
        matrix (array-like): Costs, shape (L_s, L_t), finite in float32 and
            non-negative; kept as a float64 copy. Builders scale it to [0, 1]
            by default, 0 being the most related pair.
        source_classes (Sequence[str]): The L_s source class names, in the
            order of the rows.
        target_classes (Sequence[str]): The L_t target class names, in the
            order of the columns.
        method (str): Name of the builder. Defaults to ``''``.
        settings (dict): The builder's options; must be JSON-able.
            Defaults to an empty dict.
        source_hash (str): SHA-256 of what the matrix was computed from
            (features, files, ...). Defaults to ``''``.
        versions (dict[str, str]): Versions of the libraries that took part.
            Defaults to an empty dict.

    Raises:
        ValueError: If the matrix is not two-dimensional, does not fit the
            class lists, holds NaN, negative entries or ones beyond float32,
            if a class name occurs twice in one list, or if ``settings`` is
            not JSON-able.
    """

    matrix: np.ndarray
    source_classes: tuple[str, ...]
    target_classes: tuple[str, ...]
    method: str = ''
    settings: dict = field(default_factory=dict)
    source_hash: str = ''
    versions: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        matrix = _as_costs(self.matrix)
        source = check_names(self.source_classes, 'source')
        target = check_names(self.target_classes, 'target')
        if matrix.shape != (len(source), len(target)):
            raise ValueError(
                f'a cost matrix has one row per source class and one column '
                f'per target class: expected shape ({len(source)}, '
                f'{len(target)}), got {matrix.shape}; if it is the transpose, '
                f'pass matrix.T')
        _check_entries(matrix, source, target)
        try:
            json.dumps([self.settings, self.versions])
        except (TypeError, ValueError) as error:
            raise ValueError('settings and versions of a cost matrix must be '
                             f'JSON-able: {error}') from None
        object.__setattr__(self, 'matrix', matrix)
        object.__setattr__(self, 'source_classes', source)
        object.__setattr__(self, 'target_classes', target)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of source classes and of target classes."""
        return self.matrix.shape

    def align(self, source_classes: Sequence[str],
              target_classes: Sequence[str]) -> 'CostMatrix':
        """Reorder rows and columns to the given class lists, by name.

        Args:
            source_classes (Sequence[str]): The wanted order of the rows.
            target_classes (Sequence[str]): The wanted order of the columns.

        Returns:
            CostMatrix: ``self`` when nothing had to move, else a reordered
            copy with the same history.

        Raises:
            ValueError: If the names differ; the message lists, for each side,
                the classes without a cost and those only the matrix knows.
        """
        source = check_names(source_classes, 'source')
        target = check_names(target_classes, 'target')
        if (source, target) == (self.source_classes, self.target_classes):
            return self
        problems = [
            f'of its {side} classes, {describe_difference(want, have)}'
            for side, want, have in (
                ('source', source, self.source_classes),
                ('target', target, self.target_classes))
            if set(want) != set(have)]
        require(not problems, 'A cost matrix must be of the classes of the '
                'data sets', f'but {"; ".join(problems)}', 'Rebuild it for '
                'these data sets, or correct the class names')
        rows = _positions(self.source_classes, source)
        columns = _positions(self.target_classes, target)
        return replace(self, matrix=self.matrix[np.ix_(rows, columns)],
                       source_classes=source, target_classes=target)

    def save(self, path: str | Path) -> None:
        """Write the matrix to an ``.npz`` file, without pickle, atomically.

        A reader sees the old file or the new one, never a part, see
        :func:`~mmjtln.files.atomic_file.atomic_write`.

        Args:
            path (str | Path): Where to write; missing folders are created.
        """
        meta = {key: getattr(self, key) for key in _META_TYPES}
        with atomic_write(path) as file:
            np.savez(
                file, **{
                    _MATRIX: self.matrix,
                    _SOURCE: np.array(self.source_classes),
                    _TARGET: np.array(self.target_classes),
                    _META: np.array(json.dumps(meta)),
                })

    @classmethod
    def load(cls, path: str | Path) -> 'CostMatrix':
        """Read and verify a file that :meth:`save` wrote.

        Args:
            path (str | Path): The ``.npz`` file.

        Returns:
            CostMatrix: The matrix, checked as at construction.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a cost matrix of ours: not an npz
                archive, damaged, with missing or foreign entries, holding
                pickled objects (which are never loaded) or invalid costs.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f'no cost matrix at {path}: check the path, or build one with '
                'tools/build_cost.py')
        with reading(path, 'cost matrix',
                     'Build it again with tools/build_cost.py.'):
            return cls(**_read(path))


def _as_costs(matrix: np.ndarray) -> np.ndarray:
    try:
        matrix = np.array(matrix, dtype=np.float64, order='C')
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'a cost matrix must hold numbers only: {error}') from None
    if matrix.ndim != 2:
        raise ValueError('a cost matrix is two-dimensional, (source classes, '
                         f'target classes); got {matrix.ndim} dimension(s), '
                         f'shape {matrix.shape}')
    return matrix


def _check_entries(matrix: np.ndarray, source: tuple[str, ...],
                   target: tuple[str, ...]) -> None:
    for bad, rule in ((~np.isfinite(matrix), 'finite'),
                      (matrix < 0, 'non-negative'),
                      (matrix > _LARGEST, f'at most {_LARGEST:.1e}, since '
                       'training computes in float32')):
        if bad.any():
            i, j = np.argwhere(bad)[0]
            raise ValueError(
                f'the entries of a cost matrix must be {rule}: {bad.sum()} '
                f'are not, the first is {matrix[i, j]} for source class '
                f'{source[i]!r} and target class {target[j]!r}; check what '
                'computed the matrix')


def _positions(have: Sequence[str], want: Sequence[str]) -> list[int]:
    index = {name: i for i, name in enumerate(have)}
    return [index[name] for name in want]


def _read(path: str | Path) -> dict:
    with np.load(path, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError('it is a plain array, not an npz archive')
        if set(archive.files) != set(_KEYS):
            raise ValueError(f'expected the entries {", ".join(_KEYS)}, got '
                             f'{", ".join(archive.files) or "none"}')
        fields = {
            _MATRIX: archive[_MATRIX],
            _SOURCE: archive[_SOURCE].tolist(),
            _TARGET: archive[_TARGET].tolist()
        }
        meta = json.loads(str(archive[_META]))
    if not isinstance(meta, dict) or set(meta) != set(_META_TYPES):
        raise ValueError('its entry "meta" is not the expected JSON object')
    for key, kind in _META_TYPES.items():
        if not isinstance(meta[key], kind):
            raise ValueError(f'its "{key}" is no {kind.__name__}')
    return {**fields, **meta}
