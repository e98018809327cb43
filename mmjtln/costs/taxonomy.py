"""Distance of the classes in a tree of categories."""
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import quote_names
from mmjtln.errors import refusal, require
from mmjtln.files.user_files import read_rows, spelled
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost, both_classes

if TYPE_CHECKING:
    from networkx import DiGraph


@COSTS.register_module()
class TaxonomyCost(BaseCost):
    r"""Distance of the classes in a tree of categories, by Wu and Palmer.

    1 minus the similarity :math:`2 h / (2 h + d)`, with h the nodes on the
    longest way from the root to a common ancestor of two classes and d the
    edges of the shortest way between them over it, for the ancestor where it
    is least; in [0, 1).

    Source: Z. Wu and M. Palmer, "Verb Semantics and Lexical Selection", ACL
    1994.

    Args:
        path (str): The taxonomy, see :func:`read_taxonomy`. A node may have
            several parents; the root must be one, and there may be no cycle.
        aliases (dict[str, str], optional): The nodes of class names that are
            none themselves. Defaults to None.
        **kwargs: Arguments of :class:`BaseCost`.
    """

    libraries = ('numpy', 'networkx')

    def __init__(self, path: str, aliases: dict[str, str] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.aliases = {spelled(name): spelled(node) for name, node in (
            aliases or {}).items()}

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple[Any, ...]:
        """Return the taxonomy, and the nodes of both sides' classes."""
        taxonomy = read_taxonomy(self.path)
        sides = [[self.aliases.get(name, name) for name in side]
                 for side in both_classes(source_dataset, target_dataset)]
        missing = sorted({*sides[0], *sides[1]} - {*taxonomy})
        require(not missing, 'All classes must be in the taxonomy',
                f'but {len(missing)} class name(s) are not in {self.path}: '
                f'{quote_names(missing)}',
                'Name their nodes with aliases=dict(...)')
        return taxonomy, sides

    def measure(self, prepared: tuple[Any, ...]) -> RawCost:
        """Compare each pair of nodes, shape (L_s, L_t)."""
        taxonomy, (rows, columns) = prepared
        digest = hashlib.sha256(
            repr((sorted(taxonomy.edges), rows, columns)).encode())
        return RawCost(wup_distances(taxonomy, rows, columns),
                       digest.hexdigest(), dict(nodes=[rows, columns]))


def wup_distances(taxonomy: 'DiGraph', rows: list[str],
                  columns: list[str]) -> np.ndarray:
    """Wu-Palmer distances between two lists of nodes, (rows, columns)."""
    import networkx

    # The nodes on the longest way from the root, the root being 1.
    levels = networkx.topological_generations(taxonomy)
    depth = {node: level for level, nodes in enumerate(levels, start=1)
             for node in nodes}
    upwards = taxonomy.reverse(copy=False)
    above = {node: networkx.single_source_shortest_path_length(upwards, node)
             for node in {*rows, *columns}}

    def distance(left: dict[str, int], right: dict[str, int]) -> float:
        ways = ((steps + right[node], depth[node])
                for node, steps in left.items() if node in right)
        # 1 - 2 depth / (2 depth + steps).
        return min(steps / (steps + 2 * height) for steps, height in ways)

    return np.array([[distance(above[row], above[column])
                      for column in columns] for row in rows])


def read_taxonomy(path: str | Path) -> 'DiGraph':
    """Read a parent and a child a line, parted by a comma (.csv) or tab."""
    import networkx

    delimiter = ',' if Path(path).suffix == '.csv' else '\t'
    rows = [found for found in read_rows(path, 'taxonomy', delimiter)
            if not found[1][0].startswith('#')]
    require(rows, 'A taxonomy has pairs of parent and child',
            f'but {path} holds no pair', 'Add them')
    for number, row in rows:
        require(len(row) == 2 and all(row), 'A line of a taxonomy is a parent '
                f'and a child parted by {delimiter!r}',
                f'but {path}, line {number}, is {row}', 'Correct it')
    taxonomy = networkx.DiGraph([row for _, row in rows])
    if not networkx.is_directed_acyclic_graph(taxonomy):
        (first, _), *_ = cycle = networkx.find_cycle(taxonomy)
        nodes = ' > '.join([first, *(child for _, child in cycle)])
        raise refusal('A taxonomy has no cycles', f'but {path} goes round '
                      f'in {nodes}', 'Take one of these pairs out')
    roots = sorted(node for node, count in taxonomy.in_degree if not count)
    require(len(roots) == 1, 'A taxonomy has one root, so that all classes '
            'are related', f'but {path} has {len(roots)}: '
            f'{quote_names(roots)}', 'Add a common parent')
    return taxonomy
