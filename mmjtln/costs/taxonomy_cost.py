"""Distance of the classes in a taxonomy."""
import hashlib
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of, quote_names
from mmjtln.errors import check_choice
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost
from .taxonomy import METRICS, read_taxonomy
from .wordnet import WordNet


@COSTS.register_module()
class TaxonomyCost(BaseCost):
    r"""Distance of the classes in a tree of categories.

    With the shortest way :math:`d_{ij}` (edges, over a common ancestor)
    between the nodes of two classes:

    - ``path``: :math:`d_{ij}`;
    - ``wup`` (Wu-Palmer): 1 minus the similarity :math:`2 h / (2 h + d)`, with
      h the nodes from the root to the common ancestor and d the way over it,
      for the ancestor where it is least; in [0, 1);
    - ``lch`` (Leacock-Chodorow): the similarity :math:`-\log((d_{ij} + 1) / 2
      H)`, H the height of the taxonomy, taken from its own maximum:
      :math:`\log(d_{ij} + 1)`, in nats.

    The taxonomy comes from a file (see
    :func:`~mmjtln.costs.taxonomy.read_taxonomy`), in which class names
    are nodes, or from WordNet, where ImageNet's synset ids map directly and
    other names by their most frequent sense as a noun. A node may have several
    parents; the root must be one.

    Source: Z. Wu and M. Palmer, "Verb Semantics and Lexical Selection", ACL
    1994; C. Leacock and M. Chodorow, "Combining Local Context and WordNet
    Similarity for Word Sense Identification", 1998; G. Miller, "WordNet",
    CACM 38(11), 1995.

    Needs: the file, or NLTK with its corpus ``wordnet`` (``README.md`` beside
    the builders says how to have it offline). Not the images.

    Cost: O(L_s L_t h) time for h ancestors a class; 1,000 x 100 classes of
    WordNet take seconds.

    Args:
        path (str, optional): The file. Defaults to None: WordNet.
        metric (str): ``'path'``, ``'wup'`` or ``'lch'``. Defaults to
            ``'wup'``.
        aliases (dict[str, str], optional): The node, synset id
            (``'n01440764'``) or synset (``'tench.n.01'``) of a class name
            that does not find its own. Defaults to None.
        **kwargs: Arguments of :class:`BaseCost`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If WordNet is asked for and NLTK is not installed.
        ValueError: If the taxonomy has a cycle or several roots, classes are
            not in it, or NLTK has no WordNet.
    """

    def __init__(self,
                 path: str | None = None,
                 metric: str = 'wup',
                 aliases: dict | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice(metric, 'metric', type(self).__name__, METRICS)
        self.path = path
        self.metric = metric
        self.aliases = dict(aliases or {})

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple:
        sides = (classes_of(source_dataset, 'source'),
                 classes_of(target_dataset, 'target'))
        names = dict.fromkeys(sides[0] + sides[1])
        asked = {name: self.aliases.get(name, name) for name in names}
        if self.path is None:
            wordnet = WordNet()
            known = {**wordnet.imagenet(sides[1]),
                     **wordnet.imagenet(sides[0])}
            asked = {name: self.aliases.get(name, known.get(name, name))
                     for name in names}
            synsets = {name: wordnet.find(asked[name]) for name in names}
            nodes = {
                name: synset.name()
                for name, synset in synsets.items() if synset is not None
            }
            where = 'WordNet'
        else:
            taxonomy = read_taxonomy(self.path)
            nodes = {
                name: asked[name]
                for name in names if asked[name] in taxonomy.parents
            }
            where = self.path
        missing = [asked[name] for name in names if name not in nodes]
        if missing:
            raise ValueError(
                f'{len(missing)} class name(s) are not in {where}: '
                f'{quote_names(missing)}. Name their nodes with aliases='
                'dict(...)')
        if self.path is None:
            taxonomy = wordnet.taxonomy(synsets.values())
        return taxonomy, [[nodes[name] for name in side] for side in sides]

    def measure(self, prepared: tuple) -> RawCost:
        taxonomy, (rows, columns) = prepared
        digest = hashlib.sha256()
        for node in sorted(taxonomy.parents):
            digest.update(
                repr((node, sorted(taxonomy.parents[node]))).encode())
        digest.update(repr((rows, columns)).encode())
        return RawCost(
            taxonomy.distances(rows, columns, self.metric), digest.hexdigest(),
            dict(nodes=[rows, columns]))
