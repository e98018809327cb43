"""What a data set holds, its wrappers looked through: images and labels."""
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import (
    ClassBalancedDataset,
    Compose,
    ConcatDataset,
    RepeatDataset,
)
from mmpretrain.datasets import KFoldDataset
from torch.utils.data import Dataset, Subset

from mmjtln.errors import refusal, require, told

from .class_lists import check_parts


def look_through(dataset: Dataset) -> tuple[list[Dataset], np.ndarray]:
    """Return the data sets inside of all wrappers, and each image's place.

    The places, int64, (N, ), count the images of one after the other.
    """
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    if isinstance(dataset, ConcatDataset):
        check_parts([part.metainfo.get('classes')
                     for part in dataset.datasets])
        found = [look_through(part) for part in dataset.datasets]
        starts = np.cumsum([0] + [sum(map(len, bases)) for bases, _ in found])
        return (sum((bases for bases, _ in found), []), np.concatenate(
            [start + rows for start, (_, rows) in zip(
                starts[:-1], found, strict=True)]))
    if isinstance(dataset, RepeatDataset | ClassBalancedDataset | KFoldDataset
                  | Subset):
        bases, rows = look_through(dataset.dataset)
        if isinstance(dataset, RepeatDataset):
            rows = np.tile(rows, dataset.times)
        elif isinstance(dataset, ClassBalancedDataset):
            rows = rows[dataset.repeat_indices]
        elif isinstance(dataset, Subset):
            rows = rows[dataset.indices]
        return bases, rows
    require(hasattr(dataset, 'get_data_info'), 'A data set must be of '
            "MMEngine's kind", f'but {type(dataset).__name__} has no method '
            'get_data_info', 'Use or derive one of MMPretrain')
    return [dataset], np.arange(len(dataset))


def unique_images(dataset: Dataset) -> list[tuple[Dataset, int]]:
    """List each image once, as (data set without wrappers, index in it)."""
    bases, rows = look_through(dataset)
    return _images(bases, np.unique(rows))


def _images(bases: list[Dataset],
            rows: np.ndarray) -> list[tuple[Dataset, int]]:
    images = [(base, i) for base in bases for i in range(len(base))]
    return [images[row] for row in rows]


def single_label(data_info: dict) -> int:
    """Return the one class index in an image's ``get_data_info``."""
    label = data_info.get('gt_label')
    if type(label) is int:  # A million images: looked at first, and no array.
        return label
    name = data_info.get('img_path', f"sample {data_info.get('sample_idx')}")
    rule = 'Each image must have one label, a class index'
    require('gt_label' in data_info, rule, f'but {name} has none',
            'Set `ann_file`, or give each class a folder')
    found = np.asarray(label)
    require(found.size == 1 and found.dtype.kind in 'iu', rule,
            f'but that of {name} is {label!r}', 'Use a single-label data set')
    return int(found.reshape(()))


def gt_labels(dataset: Dataset) -> np.ndarray:
    """Return each image's class index, int64, (N, ); a file has one label."""
    bases, rows = look_through(dataset)
    used, places = np.unique(rows, return_inverse=True)
    labels: list[int] = []
    first: dict[Any, Any] = {}
    for base, i in _images(bases, used):
        info = base.get_data_info(i)
        labels.append(single_label(info))
        key = _file_key(info)
        if None not in (key, info.get('img_path')) and first.setdefault(
                key, labels[-1]) != labels[-1]:
            raise refusal('Each image must have one label, a class index',
                          f'but {key} has {first[key]} and {labels[-1]}',
                          'Take one of the two out')
    return np.array(labels, dtype=np.int64)[places]


# A million images: asked once for those of a folder that follow each other.
_real_path = lru_cache(maxsize=1)(os.path.realpath)


def _file_key(info: dict) -> str | None:
    """Return the real path of an image, None for one in memory."""
    if isinstance(info.get('img'), np.ndarray):
        return None
    folder, name = os.path.split(str(info.get('img_path')))
    return os.path.join(_real_path(folder), name)


def class_indices(dataset: Dataset, name: str) -> np.ndarray:
    """Return the labels of a data set, (N, ), checked against its classes."""
    with in_data_set(name):
        labels = gt_labels(dataset)
    count = len(dataset.metainfo['classes'])
    outside = np.flatnonzero((labels < 0) | (labels >= count))
    if outside.size:
        first = int(outside[0])
        path = dataset.get_data_info(first).get('img_path') or first
        raise refusal(
            f'Labels of the {name} data set must be in [0, {count}), its '
            f'number of classes', f'but image {path} has {labels[first]}',
            'They seem to be numbered from 1: number them from 0'
            if (labels.min(), labels.max()) == (1, count) else
            'Change its annotations or its list of classes')
    return labels


@contextmanager
def in_data_set(name: str) -> Iterator[None]:
    """Say in which data set, such as ``'target val'``, something is wrong."""
    try:
        yield
    except ValueError as error:
        raise told(f'In the {name} data set: {error}') from error


def images_by_class(labels: np.ndarray,
                    num_classes: int) -> list[np.ndarray]:
    """Return L rising arrays: the images of each class, given all labels."""
    order = np.argsort(labels, kind='stable')
    bounds = np.searchsorted(labels[order], np.arange(num_classes + 1))
    return [order[start:end] for start, end in pairwise(bounds)]


def data_digest(dataset: Dataset) -> str:
    """Return a digest of the classes, images and labels of a data set.

    An image counts by its label, the last two parts of its path, so that
    data may be moved, and size and bytes of its file. Of more than 10,000 the
    bytes of as many are read, evenly spaced; 100,000 at most are looked at.
    """
    names = tuple(dataset.metainfo.get('classes') or ())
    digest = hashlib.sha256(repr(names).encode())
    count = len(dataset)
    read, seen = ({*np.linspace(0, count - 1, min(count, most)).astype(int)}
                  for most in (10_000, 100_000))
    for i in sorted(read | seen):
        info = dataset.get_data_info(int(i))
        path = Path(str(info.get('img_path', '')))
        digest.update(repr((path.parts[-2:], info.get('gt_label'))).encode())
        if isinstance(info.get('img'), np.ndarray):
            digest.update(info['img'].tobytes())
            continue
        with suppress(OSError):  # It lies elsewhere, or its reader says it.
            digest.update(repr(path.stat().st_size).encode())
            if i in read:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def image_keys(dataset: Dataset) -> set[str]:
    """Return what tells each image from others: its real path, or pixels."""
    infos = (base.get_data_info(i) for base, i in unique_images(dataset))
    return {
        _file_key(info) or hashlib.sha256(info['img'].tobytes()).hexdigest()
        for info in infos}


@contextmanager
def name_image(dataset: Dataset, index: int, name: str) -> Iterator[None]:
    """Name the image ``index`` in any error inside, a RuntimeError then."""
    try:
        yield
    except Exception as error:
        try:
            path = dataset.get_data_info(index).get('img_path')
        except Exception:  # Whatever it is, the first error matters more.
            path = None
        raise _unreadable(name, path or f'number {index}', error) from error


def name_images(dataset: Dataset, name: str) -> None:
    """Make a data set, in place, name the image where its transforms fail."""
    for base in look_through(dataset)[0]:
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
            image = data.get('img_path') or f"number {data.get('sample_idx')}"
            raise _unreadable(self.name, image, error) from error


def _unreadable(name: str, image: str, error: Exception) -> Exception:
    return refusal(
        f'The {name} image {image} could not be read and transformed',
        f'because of {type(error).__name__}: {error}', 'Restore the file, or '
        'take it out of the data set; tools/check_data.py finds all such '
        'files. If no image can be read, correct paths or pipeline',
        RuntimeError)
