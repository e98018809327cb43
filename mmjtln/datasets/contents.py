"""What a data set holds, its wrappers looked through."""
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import PurePath

import numpy as np
from mmengine.dataset import (
    ClassBalancedDataset,
    Compose,
    ConcatDataset,
    RepeatDataset,
)
from mmpretrain.datasets import KFoldDataset
from torch.utils.data import Dataset, Subset

from .build import check_parts


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


#: Images looked at in a data set; in a larger one, evenly spaced.
_MOST_IMAGES = 100_000


def data_digest(dataset: Dataset) -> str:
    """Return a digest of which images a data set holds, and their labels.

    An image counts by its label and the last two parts of its path, so that
    data may be moved, and by its pixels where they are part of the
    annotation. Of more than 100,000 images as many are looked at, evenly
    spaced; the others still count by their number. The class names count,
    too.

    Args:
        dataset (Dataset): A data set of MMPretrain, or a wrapper of one.

    Returns:
        str: 16 hexadecimal digits.
    """
    names = tuple(dataset.metainfo.get('classes') or ())
    digest = hashlib.sha256(repr(names).encode())
    count = len(dataset)
    for i in np.linspace(0, count - 1, min(count, _MOST_IMAGES)):
        info = dataset.get_data_info(int(i))
        path = PurePath(str(info.get('img_path', ''))).parts[-2:]
        digest.update(repr((path, info.get('gt_label'))).encode())
        if isinstance(info.get('img'), np.ndarray):
            digest.update(info['img'].tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def name_image(dataset: Dataset, index: int, domain: str) -> Iterator[None]:
    """Give an error inside the block the path of the image.

    The decoders of MMPretrain's pipelines mostly do not say what they decode.

    Args:
        dataset (Dataset): Data set of MMPretrain, wrapped or not.
        index (int): The image in it that is being read.
        domain (str): ``'source'`` or ``'target'``.

    Raises:
        RuntimeError: In place of any error inside, which it repeats.
    """
    try:
        yield
    except Exception as error:
        try:
            path = dataset.get_data_info(index).get('img_path')
        except Exception:  # Whatever it is, the first error matters more.
            path = None
        raise _unreadable(domain, path or f'number {index}', error) from error


def name_images(dataset: Dataset, name: str) -> None:
    """Make a data set name the image where its transforms fail.

    Args:
        dataset (Dataset): Changed in place. A joint data set names its images
            itself.
        name (str): What errors call it, such as ``'target val'``.
    """
    for base in base_datasets(dataset):
        if not isinstance(base.pipeline, _NamingPipeline):
            base.pipeline = _NamingPipeline(base.pipeline, name)


class _NamingPipeline(Compose):
    """A data set's transforms, with the image's name in each error."""

    def __init__(self, pipeline: Compose, name: str) -> None:
        super().__init__(getattr(pipeline, 'transforms', [pipeline]))
        self.name = name

    def __call__(self, data: dict) -> dict | None:
        try:
            return super().__call__(data)
        except Exception as error:
            path = data.get('img_path') or data.get('sample_idx')
            raise _unreadable(self.name, path, error) from error


def _unreadable(name: str, image: object, error: Exception) -> RuntimeError:
    return RuntimeError(
        f'The {name} image {image} could not be read and transformed: '
        f'{type(error).__name__}: {error}. Restore the file, or take it out '
        'of the data set (tools/check_data.py finds all such files); if no '
        f'image can be read, set the paths or the pipeline of the {name} '
        'data.')


def unique_images(dataset: Dataset) -> list[tuple[Dataset, int]]:
    """List the images of a data set, once each.

    Data sets that repeat images (``RepeatDataset``, ``ClassBalancedDataset``)
    do so to weigh them in training; a distribution is estimated from each
    image once.

    Args:
        dataset (Dataset): One with MMEngine's ``get_data_info``, or a
            wrapper.

    Returns:
        list[tuple]: Pairs (data set, index) for ``get_data_info``.
    """
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    if isinstance(dataset, ConcatDataset):
        return [pair for part in dataset.datasets
                for pair in unique_images(part)]
    if isinstance(dataset, RepeatDataset | ClassBalancedDataset):
        return unique_images(dataset.dataset)
    if isinstance(dataset, Subset):
        pairs = unique_images(dataset.dataset)
        if len(pairs) == len(dataset.dataset):
            return [pairs[i] for i in sorted(set(dataset.indices))]
    if not hasattr(dataset, 'get_data_info'):
        raise ValueError(
            f'{type(dataset).__name__} has no method get_data_info: a cost '
            'matrix from images needs a data set of MMEngine\'s kind')
    return [(dataset, i) for i in range(len(dataset))]


def pipeline_of(dataset: Dataset) -> Compose:
    """Return the transforms of a data set, looking into its wrappers."""
    while not hasattr(dataset, 'pipeline'):
        dataset = dataset.dataset
    return dataset.pipeline


def base_datasets(dataset: Dataset) -> Iterator[Dataset]:
    """Go through the data sets that wrappers wrap, those with a pipeline."""
    inner = getattr(dataset, 'datasets', None)
    if inner is None and hasattr(dataset, 'dataset'):
        inner = [dataset.dataset]
    for part in inner or ():
        yield from base_datasets(part)
    if hasattr(dataset, 'pipeline'):
        yield dataset
