"""Several source data sets as one, over the union of their classes."""
from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import ConcatDataset
from torch.utils.data import Dataset

from mmjtln.errors import check_choice
from mmjtln.registry import DATASETS

from .build import build_dataset
from .class_lists import ClassList, classes_of
from .contents import class_indices
from .subsets import SubsetDataset, relabel


class RelabelledDataset(SubsetDataset):
    """All images of a data set, with other labels.

    Args:
        dataset (Dataset): A data set, see :class:`SubsetDataset`.
        labels (Sequence[int]): The new label of each of its classes.
        classes (Sequence[str]): What the new labels mean.
    """

    def __init__(self, dataset: Dataset, labels: Sequence[int],
                 classes: Sequence[str]) -> None:
        self.labels, self.classes = list(labels), tuple(classes)
        super().__init__(dataset)

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        return list(range(len(class_indices(dataset, 'source'))))

    def _finish(self, dataset: Dataset) -> None:
        relabel(dataset, self.labels, self.classes)


MERGE = ('name', 'none')
DRAW = ('size', 'equal')


@DATASETS.register_module()
class UnionDataset(ConcatDataset):
    """Several source data sets, each with classes of its own, as one.

    MMEngine's ``ConcatDataset`` takes data sets of equal classes only. Here
    the labels of each become places in the union of the class lists, so that
    one source head learns all of them. A list as ``source`` of a
    :class:`JointDataset` is a union with these defaults.

    Args:
        datasets (Sequence[Dataset | dict]): Configs or data sets, as
            :class:`~mmjtln.datasets.subsets.SubsetDataset` takes
            them.
        names (Sequence[str], optional): Name of each, for its accuracy
            (``source/accuracy/<name>/top1``) and its classes. Defaults to
            None: the types, with a number where there are several of one.
        merge (str): ``'name'``: a class name that several data sets have is
            one class. ``'none'``: all classes are kept apart and named
            ``'<name>/<class>'``. Defaults to 'name'.
        draw (str | Sequence[float]): How often a :class:`JointSampler` draws
            from each data set: ``'size'``, in proportion to its images,
            each image once before any comes again; ``'equal'``, as often
            from each; or a positive weight for each. An image then comes in
            each round as often as its data set's weight says, up to one.
            Defaults to 'size'.

    Raises:
        ValueError: If there is no data set, one is empty or a
            :class:`ClassList`, or an option has an unknown value.

    Examples:
        >>> union = UnionDataset([
        ...     dict(type='mmjtln.UCIDigits', split='val'),
        ...     dict(type='mmjtln.MNIST5k', split='test')], draw='equal')
        >>> union.metainfo['classes'][:1], union.metainfo['classes'][-1:]
        (('zero',), ('9 - nine',))
    """

    def __init__(self,
                 datasets: Sequence,
                 names: Sequence[str] | None = None,
                 merge: str = 'name',
                 draw: str | Sequence[float] = 'size') -> None:
        if not datasets:
            raise ValueError('a UnionDataset needs a data set, but `datasets` '
                             'is empty; set it')
        check_choice(merge, 'merge', 'UnionDataset', MERGE)
        built = [build_dataset(dataset) for dataset in datasets]
        for number, dataset in enumerate(built):
            dataset.full_init()
            if isinstance(dataset, ClassList) or len(dataset) == 0:
                raise ValueError(
                    'each data set of a UnionDataset must hold images, but '
                    f'number {number} ({type(dataset).__name__}) has none; '
                    'change `datasets`')
        self.names = _names(built, names)
        self.draw = draw if isinstance(draw, str) else list(draw)
        self.shares = _shares(draw, [len(dataset) for dataset in built])
        lists = [classes_of(dataset, 'source') for dataset in built]
        if merge == 'none':
            lists = [[f'{source}/{name}' for name in classes]
                     for source, classes in zip(self.names, lists,
                                                strict=True)]
        union = tuple(dict.fromkeys(name for part in lists for name in part))
        place = {name: label for label, name in enumerate(union)}
        # Not the parent's constructor, which compares all metainfo.
        self.datasets = [
            RelabelledDataset(dataset, [place[name] for name in part], union)
            for dataset, part in zip(built, lists, strict=True)
        ]
        self._metainfo = dict(classes=union, sources=self.names)
        self._fully_initialized = False
        self.full_init()

    def source_of(self, idx: int) -> str:
        """Return the name of the data set that an index is of."""
        return self.names[self._get_ori_dataset_idx(idx)[0]]

    @property
    def image_weights(self) -> np.ndarray | None:
        """np.ndarray | None: How often each image is drawn, in proportion,
        shape (N, ); None for once each.
        """
        if self.shares is None:
            return None
        sizes = [len(dataset) for dataset in self.datasets]
        return np.repeat(np.divide(self.shares, sizes), sizes)


def _names(datasets: list, names: Sequence[str] | None) -> tuple[str, ...]:
    if names is not None:
        names = tuple(names)
        if len(names) != len(datasets) or len(set(names)) != len(names):
            raise ValueError(
                f'names must be {len(datasets)} different ones, one for each '
                f'data set, but got {names}; set `names` of the UnionDataset')
        return names
    kinds = [_kind(dataset) for dataset in datasets]
    count, seen, found = Counter(kinds), Counter(), []
    for kind in kinds:
        seen[kind] += 1
        found.append(f'{kind}_{seen[kind]}' if count[kind] > 1 else kind)
    return tuple(found)


def _kind(dataset: Dataset) -> str:
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return type(dataset).__name__


def _shares(draw: str | Sequence[float],
            sizes: list[int]) -> np.ndarray | None:
    """Return the part of each data set in the images drawn; None by size."""
    if isinstance(draw, str) and draw in DRAW:
        return None if draw == 'size' else np.full(
            len(sizes), 1 / len(sizes))
    numbers = not isinstance(draw, str) and all(
        isinstance(weight, (int, float)) and not isinstance(weight, bool)
        for weight in draw)
    weights = np.asarray(draw if numbers else (), dtype=float)
    if weights.shape != (len(sizes), ) or not (
            np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            f'draw must be one of {DRAW} or {len(sizes)} positive numbers, '
            f'one for each data set, but got {draw!r}; set `draw` of the '
            'UnionDataset')
    return weights / weights.sum()
