"""What the wrappers that keep a part of a data set have in common."""
import copy
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmpretrain.datasets import KFoldDataset
from torch.utils.data import Dataset

from mmjtln.datasets.build import build_dataset
from mmjtln.datasets.labels import gt_labels


class SubsetDataset(KFoldDataset):
    """A part of a data set, chosen by the labels.

    The part is a data set of its own: an image that cannot be read is
    replaced by one of the same part, never by one left out. The data set
    given is not changed.

    Args:
        dataset (Dataset | dict): A config, a data set of MMPretrain, a
            ``KFoldDataset``, or another part. Wrappers that repeat images go
            around a part, not into it.
        lazy_init (bool): Whether to put off choosing until
            :meth:`full_init`. Defaults to False.
    """

    def __init__(self, dataset: Dataset | dict,
                 lazy_init: bool = False) -> None:
        # The parent's constructor knows folds, and fails on instances.
        self.dataset = build_dataset(dataset)
        if not isinstance(self.dataset, (BaseDataset, KFoldDataset)):
            raise TypeError(
                f'{type(self).__name__} takes its part of a plain data set, '
                f'but got {type(self.dataset).__name__}; wrap the other way '
                f'round, the {type(self).__name__} inside the '
                f'{type(self.dataset).__name__}')
        self._metainfo = self.dataset.metainfo
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Load the annotations and choose."""
        if self._fully_initialized:
            return
        dataset = self.dataset
        while isinstance(dataset, KFoldDataset):
            dataset.full_init()
            dataset = dataset.dataset
        # A shallow copy: taking a subset in place sets attributes anew and
        # leaves what they referred to alone.
        dataset = copy.copy(dataset)
        dataset.full_init()
        self._ori_indices = self._select(dataset, gt_labels(dataset))
        dataset.get_subset_(self._ori_indices)
        self._finish(dataset)
        self.dataset = dataset
        self._metainfo = dataset.metainfo
        self._fully_initialized = True

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        """Return the indices to keep, given all labels, shape (N, )."""
        raise NotImplementedError

    def _finish(self, dataset: Dataset) -> None:
        """Change the part, a data set of its own, after it was taken."""

    def get_subset(self, indices: Sequence[int]) -> Dataset:
        """Return the images of ``indices``, so that folds can be cut."""
        self.full_init()
        dataset = copy.copy(self.dataset)
        dataset.get_subset_(indices)
        return dataset

    def __repr__(self) -> str:
        return f'{type(self).__name__} of {self.dataset!r}'
