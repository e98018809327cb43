"""Several source data sets as one, over the union of their classes."""
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import ConcatDataset

from mmjtln.errors import check_real, require
from mmjtln.registry import DATASETS

from .build import build_dataset
from .class_lists import ClassList, classes_of, numbered
from .contents import class_indices, look_through
from .subsets import check_plain, copy_inside, relabel


@DATASETS.register_module()
class UnionDataset(ConcatDataset):
    """Several source data sets, each with classes of its own, as one.

    The labels of each become places in the union of the class lists, so that
    one source head learns all of them. Each is named by its type, for its
    accuracy (``source/accuracy/<name>/top1``), with a number where there are
    several of one. A list as ``source`` of a :class:`JointDataset` is a union.

    Args:
        datasets (Sequence[Dataset | dict]): Plain data sets, folds or parts.
        draw (Sequence[float], optional): Positive weights: how often a
            :class:`JointSampler` draws from each data set. Defaults to None,
            by size: each image once before any comes again.

    Raises:
        ValueError: If there is no data set, one is empty or a
            :class:`ClassList`, or the weights are not one a data set.
    """

    def __init__(self, datasets: Sequence,
                 draw: Sequence[float] | None = None) -> None:
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
        require(draw is None or isinstance(draw, list | tuple)
                and len(draw) == len(built), '`draw` of UnionDataset must be '
                f'{len(built)} positive numbers, one a data set, or None',
                f'got {draw!r}', 'Set it to one')
        for weight in draw or ():
            check_real(weight, 'draw', 'UnionDataset', with_low=False)
        self.draw = draw
        self.names = tuple(numbered(
            [type(look_through(dataset)[0][0]).__name__ for dataset in built],
            '{}_{}'))
        lists = [classes_of(dataset, 'source') for dataset in built]
        union = tuple(dict.fromkeys(name for part in lists for name in part))
        place = {name: label for label, name in enumerate(union)}
        # Not the parent's constructor, which compares all metainfo.
        self.datasets = [copy_inside(dataset) for dataset in built]
        for dataset, part in zip(self.datasets, lists, strict=True):
            relabel(dataset, [place[name] for name in part], union)
        self._metainfo = dict(classes=union)
        self._fully_initialized = False
        self.full_init()

    def source_of(self, idx: int) -> str:
        """Return the name of the data set that an index is of."""
        return self.names[self._get_ori_dataset_idx(idx)[0]]

    @property
    def image_weights(self) -> np.ndarray | None:
        """np.ndarray | None: Weight of each image, (N, ); None if equal."""
        if self.draw is None:
            return None
        sizes = [len(dataset) for dataset in self.datasets]
        return np.repeat(np.divide(self.draw, sizes), sizes)
