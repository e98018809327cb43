"""A cost matrix with its class lists and history, as a file and in words."""
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import scipy

from mmjtln.datasets.class_lists import check_names, describe_difference
from mmjtln.errors import refusal, require
from mmjtln.files.atomic_file import atomic_write
from mmjtln.files.user_files import reading

_LARGEST = float(np.finfo(np.float32).max)
# Differences of costs, relative to their range, that do not count.
_TIE = 1e-6
_ENTRIES = {'matrix', 'source_classes', 'target_classes', 'meta'}
_META_TYPES = dict(method=str, settings=dict, source_hash=str, versions=dict)


@dataclass(frozen=True, eq=False)
class CostMatrix:
    """How unrelated each source class is to each target class; always valid.

    Args:
        matrix (array-like): Costs, shape (L_s, L_t), finite in float32 and
            non-negative; kept as a float64 copy. Builders scale it to [0, 1]
            by default, 0 being the most related pair.
        source_classes (Sequence[str]): L_s names, of the rows.
        target_classes (Sequence[str]): L_t names, of the columns.
        method (str): Name of the builder. Defaults to ``''``.
        settings (dict): The builder's options, JSON-able. Defaults to none.
        source_hash (str): SHA-256 of what the matrix was computed from
            (features, files, ...). Defaults to ``''``.
        versions (dict[str, str]): Of the libraries that took part. Defaults
            to none.

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
        require(matrix.shape == (len(source), len(target)), 'A cost matrix '
                'has one row per source class and one column per target class',
                f'expected shape ({len(source)}, {len(target)}), got '
                f'{matrix.shape}', 'Pass matrix.T if it is the transpose')
        _check_entries(matrix, source, target)
        try:
            json.dumps([self.settings, self.versions])
        except (TypeError, ValueError) as error:
            raise ValueError('The settings and versions of a cost matrix must '
                             f'be JSON-able, but {error}.') from None
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
            CostMatrix: ``self`` when nothing had to move, else a copy.

        Raises:
            ValueError: If the names differ; saying which of either side.
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
        """Write the matrix to an ``.npz`` file, whole or not at all.

        Args:
            path (str | Path): Where to write; missing folders are created.
        """
        meta = {key: getattr(self, key) for key in _META_TYPES}
        with atomic_write(path) as file:
            np.savez(file, matrix=self.matrix, meta=np.array(json.dumps(meta)),
                     source_classes=np.array(self.source_classes),
                     target_classes=np.array(self.target_classes))

    @classmethod
    def load(cls, path: str | Path) -> 'CostMatrix':
        """Read and verify a file that :meth:`save` wrote.

        Args:
            path (str | Path): The ``.npz`` file; nothing in it is unpickled.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, no cost matrix or an invalid one.
        """
        path = Path(path)
        require(path.is_file(), 'A cost matrix is read from a file',
                f'but there is no cost matrix at {path}', 'Correct the path, '
                'or build one with tools/build_cost.py', FileNotFoundError)
        with reading(path, 'cost matrix',
                     'Build it again with tools/build_cost.py.'):
            return cls(**_read(path))


def _as_costs(matrix: np.ndarray) -> np.ndarray:
    try:
        matrix = np.array(matrix, dtype=np.float64, order='C')
    except (TypeError, ValueError) as error:
        raise ValueError('A cost matrix must hold numbers only, but '
                         f'{error}.') from None
    require(matrix.ndim == 2, 'A cost matrix is two-dimensional, (source '
            'classes, target classes)', f'got shape {matrix.shape}',
            'Reshape it')
    return matrix


def _check_entries(matrix: np.ndarray, source: tuple[str, ...],
                   target: tuple[str, ...]) -> None:
    for bad, rule in ((~np.isfinite(matrix), 'finite'),
                      (matrix < 0, 'non-negative'),
                      (matrix > _LARGEST, f'at most {_LARGEST:.1e}, since '
                       'training computes in float32')):
        if bad.any():
            i, j = np.argwhere(bad)[0]
            raise refusal(
                f'The entries of a cost matrix must be {rule}',
                f'but {bad.sum()} are not, the first is {matrix[i, j]} for '
                f'source class {source[i]!r} and target class {target[j]!r}',
                'Correct what computed it')


def _positions(have: Sequence[str], want: Sequence[str]) -> list[int]:
    index = {name: i for i, name in enumerate(have)}
    return [index[name] for name in want]


def _read(path: Path) -> dict:
    with np.load(path, allow_pickle=False) as archive:
        require(isinstance(archive, np.lib.npyio.NpzFile), 'It must be an npz '
                'archive', 'but it is a plain array', 'Save a CostMatrix')
        require({*archive.files} == _ENTRIES,
                f'It must have the entries {", ".join(sorted(_ENTRIES))}',
                f'but has {archive.files}', 'Save a CostMatrix')
        fields = dict(matrix=archive['matrix'],
                      source_classes=archive['source_classes'].tolist(),
                      target_classes=archive['target_classes'].tolist())
        meta = json.loads(str(archive['meta']))
    require(isinstance(meta, dict) and set(meta) == set(_META_TYPES)
            and all(isinstance(meta[key], kind)
                    for key, kind in _META_TYPES.items()),
            'Its entry "meta" must be the JSON object of a CostMatrix',
            f'but is {str(meta)[:80]}', 'Save a CostMatrix')
    return {**fields, **meta}


def summarise(cost: CostMatrix, top: int = 3, reg: float = 0.1,
              lines: int = 50) -> str:
    """Describe a cost matrix for a person to judge.

    Args:
        cost (CostMatrix): The matrix.
        top (int): Nearest classes to name. Defaults to 3.
        reg (float): The OT loss's ``reg``, for the entropy of the
            pseudo-label softmax(-C / reg) that the loss gives when the other
            side is sure. Defaults to 0.1.
        lines (int): Classes of each side to list. Defaults to 50.

    Returns:
        str: Size, range, ties, entropy, and nearest classes both ways.
    """
    matrix = cost.matrix
    report = [
        f'{cost.method or "cost matrix"}: {matrix.shape[0]} source x '
        f'{matrix.shape[1]} target classes',
        f'range {matrix.min():.3g} to {matrix.max():.3g}, median '
        f'{np.median(matrix):.3g}',
    ]
    sides = (('target', matrix.T, cost.target_classes, cost.source_classes),
             ('source', matrix, cost.source_classes, cost.target_classes))
    for name, view, _, others in sides:
        entropy = scipy.special.entr(
            scipy.special.softmax(-view / reg, axis=1)).sum(axis=1).mean()
        report.append(
            f'{name} classes: {share_of_ties(view):.0%} have a tie for the '
            f'nearest; pseudo-label at reg {reg:g}: entropy {entropy:.2f} '
            f'nats, as of {np.exp(entropy):.1f} equal classes of '
            f'{len(others)}')
    for name, view, names, others in sides:
        other = 'target' if name == 'source' else 'source'
        report += ['', f'nearest {other} classes of each {name} class:']
        width = max(len(name) for name in names[:lines])
        for name, row in zip(names[:lines], view, strict=False):
            report.append(f'  {name:<{width}}  ' + ', '.join(
                f'{others[k]} {row[k]:.3f}'
                for k in np.argsort(row, kind='stable')[:top]))
        if len(names) > lines:
            report.append(f'  ... and {len(names) - lines} more')
    return '\n'.join(report)


def share_of_ties(matrix: np.ndarray) -> float:
    """Share of the rows whose least entry comes twice, but for rounding."""
    if matrix.shape[1] == 1:
        return 0.0
    least = np.partition(matrix, 1, axis=1)
    return float((np.diff(least[:, :2])
                  <= _TIE * np.ptp(matrix)).mean())
