"""A taxonomy: nodes, their parents, and distances between them."""
from collections import deque
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np

from mmjtln.datasets.class_lists import quote_names
from mmjtln.files.user_files import read_rows

METRICS = ('path', 'wup', 'lch')


class Taxonomy:
    """A directed graph without cycles and with one root.

    Args:
        parents (dict[str, set[str]]): The parents of each node; a node that
            is only a parent needs no entry.

    Raises:
        ValueError: If there is a cycle, no node, or more than one root.
    """

    def __init__(self, parents: dict[str, set[str]]) -> None:
        nodes = set(parents).union(*parents.values())
        self.parents = {node: parents.get(node, set()) for node in nodes}
        self.depth = self._depths()
        roots = sorted(node for node in nodes if not self.parents[node])
        if len(roots) != 1:
            raise ValueError(
                'a taxonomy has one root, so that all classes are related; '
                f'this one has {len(roots)}: {quote_names(roots)}. Add a '
                'common parent')

    def _depths(self) -> dict[str, int]:
        """Nodes on the longest way from the root, the root being 1."""
        depth = {}
        try:
            for node in TopologicalSorter(self.parents).static_order():
                depth[node] = 1 + max(
                    (depth[parent] for parent in self.parents[node]),
                    default=0)
        except CycleError as error:
            raise ValueError('a taxonomy has no cycles; this one goes round '
                             f'in {" > ".join(error.args[1])}') from None
        return depth

    def ancestors(self, node: str) -> dict[str, int]:
        """Edges up to each ancestor of a node, by the shortest way.

        Args:
            node (str): A node, itself its ancestor at 0.
        """
        steps, ready = {node: 0}, deque([node])
        while ready:
            current = ready.popleft()
            for parent in self.parents[current]:
                if parent not in steps:
                    steps[parent] = steps[current] + 1
                    ready.append(parent)
        return steps

    def distances(self, rows: list[str], columns: list[str],
                  metric: str) -> np.ndarray:
        """Distances between two lists of nodes; see :class:`TaxonomyCost`.

        Args:
            rows (list[str]): Nodes.
            columns (list[str]): Nodes.
            metric (str): ``'path'``, ``'wup'`` or ``'lch'``.

        Returns:
            np.ndarray: Shape (len(rows), len(columns)).
        """
        above = {node: self.ancestors(node) for node in {*rows, *columns}}
        matrix = np.empty((len(rows), len(columns)))
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                matrix[i, j] = self._distance(above[row], above[column],
                                              metric)
        return matrix

    def _distance(self, left: dict[str, int], right: dict,
                  metric: str) -> float:
        ways = [(steps + right[node], self.depth[node])
                for node, steps in left.items() if node in right]
        if metric == 'wup':
            # 1 - 2 depth / (2 depth + steps).
            return min(steps / (steps + 2 * depth) for steps, depth in ways)
        shortest = min(steps for steps, _ in ways)
        return np.log1p(shortest) if metric == 'lch' else shortest


def read_taxonomy(path: str | Path) -> Taxonomy:
    """Read a file of one parent and one child a line.

    Separated by a comma in a ``.csv`` file, else by a tab; empty lines and
    lines that begin with ``#`` are skipped.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not a pair, or as :class:`Taxonomy`.
    """
    path = Path(path)
    delimiter = ',' if path.suffix == '.csv' else '\t'
    parents = {}
    for number, row in read_rows(path, 'taxonomy', delimiter):
        if row[0].startswith('#'):
            continue
        if len(row) != 2 or not all(row):
            raise ValueError(
                f'{path}, line {number}: expected a parent and a child '
                f'parted by {delimiter!r}, got {row}')
        parents.setdefault(row[1], set()).add(row[0])
    if not parents:
        raise ValueError(f'{path} holds no pair of parent and child')
    try:
        return Taxonomy(parents)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
