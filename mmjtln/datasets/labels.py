"""The class indices of a data set, read without decoding an image."""
from itertools import pairwise

import numpy as np
from mmengine.dataset import (
    ClassBalancedDataset,
    ConcatDataset,
    RepeatDataset,
)
from mmpretrain.datasets import KFoldDataset
from torch.utils.data import Dataset

from .concatenation import check_parts


def single_label(data_info: dict) -> int:
    """Return the one class index of an image.

    Args:
        data_info (dict): What ``get_data_info`` gives for the image.

    Returns:
        int: The class index.

    Raises:
        ValueError: The image has no label, or several.
    """
    label = data_info.get('gt_label')
    if type(label) is int:  # A million images: looked at first, and no array.
        return label
    name = data_info.get('img_path', f"sample {data_info.get('sample_idx')}")
    if 'gt_label' not in data_info:
        raise ValueError(
            f'each image must have a label, but {name} has none; give the '
            'data set its annotations (`ann_file`, or one folder per class)')
    label = np.asarray(label)
    if label.size != 1 or label.dtype.kind not in 'iu':
        raise ValueError(
            'each image must have one label, a class index, but the label '
            f"of {name} is {data_info['gt_label']!r}; multi-label data sets "
            'do not fit a softmax over classes: use a single-label one')
    return int(label.reshape(()))


def gt_labels(dataset: Dataset) -> np.ndarray:
    """Return the class index of every image of a data set.

    Wrappers are looked through: an image that a wrapper repeats is read once.

    Args:
        dataset (Dataset): A data set of MMPretrain, or a wrapper of one.

    Returns:
        np.ndarray: int64, shape (N, ), in the order of the data set.

    Raises:
        ValueError: An image has no label, or several; or the parts of a
            concatenation have other classes, so that one label means two.
    """
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    if isinstance(dataset, RepeatDataset):
        return np.tile(gt_labels(dataset.dataset), dataset.times)
    if isinstance(dataset, ClassBalancedDataset):
        return gt_labels(dataset.dataset)[dataset.repeat_indices]
    if isinstance(dataset, KFoldDataset):
        return gt_labels(dataset.dataset)
    if isinstance(dataset, ConcatDataset):
        check_parts([d.metainfo.get('classes') for d in dataset.datasets])
        return np.concatenate([gt_labels(d) for d in dataset.datasets])
    return np.array(
        [single_label(dataset.get_data_info(i)) for i in range(len(dataset))],
        dtype=np.int64)


def class_indices(dataset: Dataset, name: str) -> np.ndarray:
    """Return the labels of a data set, checked against its classes.

    Args:
        dataset (Dataset): A data set of MMPretrain, or a wrapper of one.
        name (str): What an error calls it, such as ``'target val'``.

    Returns:
        np.ndarray: int64, shape (N, ).

    Raises:
        ValueError: As :func:`gt_labels`, or if a label is outside
            ``[0, number of classes)``.
    """
    try:
        labels = gt_labels(dataset)
    except ValueError as error:
        raise ValueError(f'in the {name} data set, {error}') from error
    count = len(dataset.metainfo['classes'])
    outside = np.flatnonzero((labels < 0) | (labels >= count))
    if outside.size:
        first = int(outside[0])
        path = dataset.get_data_info(first).get('img_path')
        message = (
            f'labels of the {name} data set must be in [0, {count}), its '
            f'number of classes, but image {path or first} has '
            f'{labels[first]}')
        if labels.min() == 1 and labels.max() == count:
            message += ('; they seem to be numbered from 1: number them from '
                        '0 in its `ann_file`')
        else:
            message += '; change its annotations or its list of classes'
        raise ValueError(message)
    return labels


def images_by_class(labels: np.ndarray,
                    num_classes: int) -> list[np.ndarray]:
    """Return which images each class has, in one go for all classes.

    Args:
        labels (np.ndarray): Class index of each image, shape (N, ).
        num_classes (int): Number of classes, L.

    Returns:
        list[np.ndarray]: L arrays of indices in ``range(N)``, each rising.
    """
    order = np.argsort(labels, kind='stable')
    bounds = np.searchsorted(labels[order], np.arange(num_classes + 1))
    return [order[start:end] for start, end in pairwise(bounds)]
