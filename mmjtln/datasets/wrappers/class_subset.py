"""Some of the classes of a data set, as a task of their own."""
from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from mmjtln.class_lists import quote_names, tell_apart
from mmjtln.registry import DATASETS

from .relabelled import relabel
from .subset import SubsetDataset


@DATASETS.register_module()
class ClassSubset(SubsetDataset):
    """The images of chosen classes, labelled by their place in the choice.

    Labels change before the pipeline runs, and ``metainfo['classes']`` is
    the choice.

    Args:
        dataset (Dataset | dict): A config or a data set, see
            :class:`SubsetDataset`.
        classes (Sequence[str]): Names of the classes to keep, in the order
            of their new labels.
        lazy_init (bool): Whether to put off choosing until
            :meth:`full_init`. Defaults to False.

    Raises:
        ValueError: A name is unknown or given twice, or no image is left.
    """

    def __init__(self, dataset: Dataset, classes: Sequence[str],
                 lazy_init: bool = False) -> None:
        self.classes = tuple(classes)
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(
                f'each class must be chosen once, but got {self.classes}; '
                'set `classes` of the ClassSubset')
        super().__init__(dataset, lazy_init=lazy_init)
        # Wrappers read the class names before the annotations are loaded.
        self._metainfo = {**self._metainfo, 'classes': self.classes}

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        known = {name: label for label, name in enumerate(
            tell_apart(dataset.metainfo.get('classes') or ()))}
        unknown = [name for name in self.classes if name not in known]
        if unknown:
            raise ValueError(
                'chosen classes must be classes of the data set, but '
                f'{quote_names(unknown)} are not among '
                f'{quote_names(known)}; set `classes` of the '
                'ClassSubset')
        self._new_label = {
            known[name]: i
            for i, name in enumerate(self.classes)
        }
        indices = np.flatnonzero(np.isin(labels, list(self._new_label)))
        if len(indices) == 0:
            raise ValueError(
                f'{type(dataset).__name__} has no image of the classes '
                f'{self.classes}; set `classes` of the ClassSubset')
        return indices.tolist()

    def _finish(self, dataset: Dataset) -> None:
        relabel(dataset, self._new_label, self.classes)
