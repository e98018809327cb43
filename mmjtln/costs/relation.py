"""A known relation of two label sets, to judge cost matrices by."""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmjtln.datasets.class_lists import quote_names
from mmjtln.files.user_files import read_rows

from .cost_matrix import CostMatrix

NAMED_RELATIONS = ('order', 'name')


def read_relation(relation: str, source_classes: Sequence[str],
                  target_classes: Sequence[str]) -> dict[str, set[str]]:
    """Find the source classes that each target class belongs to.

    Args:
        relation (str): ``'order'``, the k-th of one list to the k-th of the
            other; ``'name'``, the same name but for case; or a file of one
            target and one source class a line, parted by a comma (``.csv``)
            or a tab. A target class may have several lines, or none.
        source_classes (Sequence[str]): L_s names.
        target_classes (Sequence[str]): L_t names.

    Returns:
        dict[str, set[str]]: Target class to source classes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the relation does not fit the class lists.
    """
    if relation == 'order':
        if len(source_classes) != len(target_classes):
            raise ValueError(
                'a relation by order needs as many source as target classes, '
                f'got {len(source_classes)} and {len(target_classes)}')
        pairs = zip(target_classes, source_classes, strict=True)
    elif relation == 'name':
        names = {name.lower(): name for name in source_classes}
        pairs = [(name, names[name.lower()]) for name in target_classes
                 if name.lower() in names]
    else:
        pairs = _read_pairs(Path(relation))
    related = {}
    for target, source in pairs:
        related.setdefault(target, set()).add(source)
    if not related:
        raise ValueError(f'the relation {relation!r} relates no classes')
    for side, named, known in (('target', related, target_classes),
                               ('source', set().union(*related.values()),
                                source_classes)):
        unknown = sorted(set(named) - set(known))
        if unknown:
            raise ValueError(
                f'the relation {relation!r} names {side} classes that the '
                f'data set does not have: {quote_names(unknown)}')
    return related


def judge(cost: CostMatrix,
          related: dict[str, set[str]]) -> dict[str, tuple[str, bool]]:
    """Compare nearest source classes with a known relation.

    Args:
        cost (CostMatrix): The matrix.
        related (dict[str, set[str]]): From :func:`read_relation`.

    Returns:
        dict: For each related target class, its nearest source class and
        whether that is right.
    """
    nearest = cost.matrix.argmin(axis=0)
    return {
        target: (cost.source_classes[i],
                 cost.source_classes[i] in related[target])
        for target, i in zip(cost.target_classes, nearest, strict=True)
        if target in related
    }


def _read_pairs(path: str | Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(
            f'no relation at {path}: give {", ".join(NAMED_RELATIONS)} or a '
            'file of target and source classes')
    delimiter = ',' if path.suffix == '.csv' else '\t'
    rows = read_rows(path, 'relation', delimiter)
    for number, row in rows:
        if len(row) != 2:
            raise ValueError(f'{path}, line {number}: expected a target and a '
                             f'source class parted by {delimiter!r}, got {row}'
                             )
    return [row for _, row in rows]
