"""Several source data sets as one, over the union of their classes."""
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import ConcatDataset

from mmjtln.errors import check_choice, check_real, require
from mmjtln.registry import DATASETS

from .build import build_dataset
from .class_lists import ClassList, classes_of, numbered
from .contents import class_indices, look_through
from .subsets import check_plain, copy_inside, relabel

DRAW = ('size', 'equal')


@DATASETS.register_module()
class UnionDataset(ConcatDataset):
    """Several source data sets, each with classes of its own, as one.

    The labels of each become places in the union of the class lists, so that
    one source head learns all of them. A list as ``source`` of a
    :class:`JointDataset` is a union with these defaults.

    Args:
        datasets (Sequence[Dataset | dict]): Plain data sets, folds or parts.
        names (Sequence[str], optional): Name of each, for its accuracy
            (``source/accuracy/<name>/top1``). Defaults to None: the types,
            with a number where there are several of one.
        draw (str | Sequence[float]): How often a :class:`JointSampler` draws
            from each data set: ``'size'``, each image once before any comes
            again; ``'equal'``, as often from each; or a positive weight for
            each. Defaults to 'size'.

    Raises:
        ValueError: If there is no data set, one is empty or a
            :class:`ClassList`, or an option has an unknown value.
    """

    def __init__(self,
                 datasets: Sequence,
                 names: Sequence[str] | None = None,
                 draw: str | Sequence[float] = 'size') -> None:
        require(datasets, 'A UnionDataset needs a data set', 'but `datasets` '
                'is empty', 'Set it')
        built = [build_dataset(dataset) for dataset in datasets]
        for number, dataset in enumerate(built):
            check_plain(dataset, 'UnionDataset')
            dataset.full_init()
            require(not isinstance(dataset, ClassList) and len(dataset),
                    'Each data set of a UnionDataset must hold images',
                    f'but number {number} ({type(dataset).__name__}) has none',
                    'Change `datasets`')
            class_indices(dataset, 'source')
        self.names = tuple(names or numbered(
            [type(look_through(dataset)[0][0]).__name__ for dataset in built],
            '{}_{}'))
        require(len(self.names) == len(set(self.names)) == len(built),
                f'`names` of a UnionDataset must be {len(built)} different '
                'ones', f'got {self.names}', 'Give each data set one')
        self.draw = draw if isinstance(draw, str) else list(draw)
        self.shares = _shares(self.draw, len(built))
        lists = [classes_of(dataset, 'source') for dataset in built]
        union = tuple(dict.fromkeys(name for part in lists for name in part))
        place = {name: label for label, name in enumerate(union)}
        # Not the parent's constructor, which compares all metainfo.
        self.datasets = [copy_inside(dataset) for dataset in built]
        for dataset, part in zip(self.datasets, lists, strict=True):
            relabel(dataset, [place[name] for name in part], union)
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


def _shares(draw: str | list[float], count: int) -> np.ndarray | None:
    """Return the part of each data set in the images drawn; None by size."""
    if isinstance(draw, str):
        check_choice(draw, 'draw', 'UnionDataset', DRAW)
        return None if draw == 'size' else np.full(count, 1 / count)
    require(len(draw) == count, '`draw` of UnionDataset must be a word or '
            f'{count} positive numbers, one a data set', f'got {draw!r}',
            'Set it to one')
    for weight in draw:
        check_real(weight, 'draw', 'UnionDataset', with_low=False)
    weights = np.asarray(draw, dtype=float)
    return weights / weights.sum()
