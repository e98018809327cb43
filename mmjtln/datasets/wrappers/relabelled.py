"""A data set whose labels are places in a longer list of classes."""
from collections.abc import Mapping, Sequence

import numpy as np
from torch.utils.data import Dataset

from mmjtln.datasets.labels import class_indices, single_label

from .subset import SubsetDataset


def relabel(dataset: Dataset, new_label: Mapping[int, int] | Sequence[int],
            classes: Sequence[str]) -> None:
    """Change the labels of a plain data set, before its pipeline runs.

    Args:
        dataset (BaseDataset): Changed in place.
        new_label (Mapping | Sequence): From an old label to the new one.
        classes (Sequence[str]): What the new labels mean.
    """
    data_list = []
    for i in range(len(dataset)):
        data_info = dataset.get_data_info(i)
        data_info['gt_label'] = new_label[single_label(data_info)]
        data_list.append(data_info)
    dataset.data_list = data_list
    if dataset.serialize_data:
        dataset.data_bytes, dataset.data_address = dataset._serialize_data()
    dataset._metainfo = {**dataset.metainfo, 'classes': tuple(classes)}


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
