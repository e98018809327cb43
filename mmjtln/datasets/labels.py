"""The class indices of a data set, read without decoding an image."""
import numpy as np
from mmengine.dataset import (
    ClassBalancedDataset,
    ConcatDataset,
    RepeatDataset,
)
from mmpretrain.datasets import KFoldDataset


def single_label(data_info) -> int:
    """Return the one class index of an image.

    Args:
        data_info (dict): What ``get_data_info`` gives for the image.

    Returns:
        int: The class index.

    Raises:
        ValueError: The image has no label, or several.
    """
    name = data_info.get('img_path', f"sample {data_info.get('sample_idx')}")
    if 'gt_label' not in data_info:
        raise ValueError(
            f'each image must have a label, but {name} has none; give the '
            'data set its annotations (`ann_file`, or one folder per class)')
    label = np.asarray(data_info['gt_label'])
    if label.size != 1 or label.dtype.kind not in 'iu':
        raise ValueError(
            'each image must have one label, a class index, but the label '
            f"of {name} is {data_info['gt_label']!r}; multi-label data sets "
            'do not fit a softmax over classes: use a single-label one')
    return int(label.reshape(()))


def gt_labels(dataset) -> np.ndarray:
    """Return the class index of every image of a data set.

    Wrappers are looked through: an image that a wrapper repeats is read once.

    Args:
        dataset (object): A data set of MMPretrain, or a wrapper of one.

    Returns:
        np.ndarray: int64, shape (N, ), in the order of the data set.

    Raises:
        ValueError: An image has no label, or several.
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
        return np.concatenate([gt_labels(d) for d in dataset.datasets])
    return np.array(
        [single_label(dataset.get_data_info(i)) for i in range(len(dataset))],
        dtype=np.int64)
