"""Parts of a data set: chosen classes, a few images of each class."""
import copy
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmpretrain.datasets import KFoldDataset
from torch.utils.data import Dataset

from mmjtln.errors import check_count, require
from mmjtln.registry import DATASETS

from .build import build_dataset
from .class_lists import classes_of, quote_names, with_senses
from .contents import gt_labels, images_by_class, look_through, single_label


def check_plain(dataset: Dataset, owner: str) -> None:
    """Refuse what is no plain data set, fold or part of one."""
    require(isinstance(dataset, BaseDataset | KFoldDataset), f'A {owner} '
            'takes its images from a plain data set', 'but got '
            f'{type(dataset).__name__}', 'Wrap the other way round', TypeError)


def copy_inside(dataset: Dataset) -> BaseDataset:
    """Copy the data set inside of folds and parts, to be changed."""
    # Shallow: changes set attributes anew and leave what they were alone.
    (inside, ), _ = look_through(dataset)
    return copy.copy(inside)


class SubsetDataset(KFoldDataset):
    """A part of a data set, chosen by the labels, and one of its own.

    Args:
        dataset (Dataset | dict): A config, a data set of MMPretrain, a
            ``KFoldDataset``, or another part; it is not changed. Wrappers
            that repeat images go around a part, not into it.
    """

    def __init__(self, dataset: Dataset | dict) -> None:
        # The parent's constructor knows folds, and fails on instances.
        built = build_dataset(dataset)
        check_plain(built, type(self).__name__)
        self.dataset = copy_inside(built)
        self._ori_indices = self._select(self.dataset, gt_labels(self.dataset))
        self.dataset.get_subset_(self._ori_indices)
        self._metainfo = self.dataset.metainfo
        self._fully_initialized = True

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        """Return the indices to keep, given all labels, shape (N, )."""
        raise NotImplementedError

    def get_subset(self, indices: Sequence[int]) -> Dataset:
        """Return the images of ``indices``, so that folds can be cut."""
        dataset = copy.copy(self.dataset)
        dataset.get_subset_(indices)
        return dataset


@DATASETS.register_module()
class ClassSubset(SubsetDataset):
    """The images of chosen classes, labelled by their place in the choice.

    Args:
        dataset (Dataset | dict): See :class:`SubsetDataset`.
        classes (Sequence[str]): Names of the classes to keep, in the order
            of their new labels.

    Raises:
        ValueError: A name is unknown or given twice, or no image is left.
    """

    _RULE = '`classes` of a ClassSubset must be classes of its data set'

    def __init__(self, dataset: Dataset | dict,
                 classes: Sequence[str]) -> None:
        self.classes = with_senses(classes)
        require(len(set(self.classes)) == len(self.classes),
                f'{self._RULE}, each chosen once', f'got {self.classes}',
                'Take repeated names out')
        super().__init__(dataset)
        relabel(self.dataset, self._new_label, self.classes)
        self._metainfo = self.dataset.metainfo

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        known = {name: label for label, name in enumerate(
            with_senses(dataset.metainfo.get('classes') or ()))}
        unknown = [name for name in self.classes if name not in known]
        require(not unknown, self._RULE, f'but {quote_names(unknown)} are not '
                f'among {quote_names([*known])}', 'Correct the names')
        self._new_label = {known[name]: i
                           for i, name in enumerate(self.classes)}
        indices = np.flatnonzero(np.isin(labels, [*self._new_label]))
        require(len(indices), self._RULE, f'but {type(dataset).__name__} has '
                f'no image of the classes {self.classes}', 'Set others')
        return indices.tolist()


@DATASETS.register_module()
class FewShotDataset(SubsetDataset):
    """The same number of images of each class of a data set.

    The draw depends on ``seed`` and the order of the data set alone. With
    one seed, a draw of fewer shots is part of a draw of more, so learning
    curves over shots add images and replace none.

    Args:
        dataset (Dataset | dict): See :class:`SubsetDataset`.
        shots (int): Number of images of each class, at least 1.
        seed (int): Seed of the draw, not negative. Defaults to 0.

    Raises:
        ValueError: A number is out of range, or a class has fewer images.
    """

    def __init__(self, dataset: Dataset | dict, shots: int,
                 seed: int = 0) -> None:
        check_count(shots, 'shots', 'FewShotDataset')
        check_count(seed, 'seed', 'FewShotDataset', least=0)
        self.shots = shots
        self.seed = seed
        super().__init__(dataset)

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        names = classes_of(dataset, 'few-shot')
        chosen = []
        for label, indices in enumerate(images_by_class(labels, len(names))):
            require(len(indices) >= self.shots,
                    f'Each class must have shots={self.shots} images',
                    f'but class {names[label]!r} has {len(indices)}',
                    'Lower `shots` of the FewShotDataset, or add images')
            # A generator for each class: the draw of one class does not
            # depend on how many images another has.
            rng = np.random.default_rng([self.seed, label])
            chosen.append(rng.permutation(indices)[:self.shots])
        return np.sort(np.concatenate(chosen)).tolist()


@DATASETS.register_module()
class ClassFold(SubsetDataset):
    """A fold of a cross-validation with each class spread evenly over all.

    Unlike MMPretrain's ``KFoldDataset``, which cuts all images in one order:
    here two folds have the same number of images of a class, and of images
    in all, or one more.

    Args:
        dataset (Dataset | dict): See :class:`SubsetDataset`.
        fold (int): The fold that is held out, from 0. Defaults to 0.
        num_splits (int): Number of folds, 2 or more. Defaults to 5.
        test_mode (bool): Whether the part is the fold held out; otherwise it
            is all others. Defaults to False.
        seed (int): Seed of the draw, not negative. Defaults to 0.

    Raises:
        ValueError: ``fold`` is none of the folds, or a number is out of range.
    """

    def __init__(self, dataset: Dataset | dict, fold: int = 0,
                 num_splits: int = 5, test_mode: bool = False,
                 seed: int = 0) -> None:
        check_count(num_splits, 'num_splits', 'ClassFold', least=2)
        check_count(seed, 'seed', 'ClassFold', least=0)
        check_count(fold, 'fold', 'ClassFold', least=0)
        require(fold < num_splits, '`fold` of ClassFold must be below '
                f'num_splits={num_splits}', f'got {fold}', 'Lower it')
        self.fold, self.num_splits = fold, num_splits
        self.test_mode, self.seed = test_mode, seed
        super().__init__(dataset)

    def _select(self, dataset: Dataset, labels: np.ndarray) -> list[int]:
        classes = images_by_class(labels, len(classes_of(dataset, 'folded')))
        # Dealt out like cards, a class after the other.
        order = np.concatenate([
            np.random.default_rng([self.seed, label]).permutation(indices)
            for label, indices in enumerate(classes)])
        held = order[self.fold::self.num_splits]
        return np.sort(held if self.test_mode else
                       np.setdiff1d(order, held)).tolist()


def relabel(dataset: BaseDataset, new_label: Mapping[int, int] | Sequence[int],
            classes: Sequence[str]) -> None:
    """Change the labels of a plain data set in place, old label to new."""
    data_list = []
    for i in range(len(dataset)):
        data_info = dataset.get_data_info(i)
        data_info['gt_label'] = new_label[single_label(data_info)]
        data_list.append(data_info)
    dataset.data_list = data_list
    if dataset.serialize_data:
        dataset.data_bytes, dataset.data_address = dataset._serialize_data()
    dataset._metainfo = {**dataset.metainfo, 'classes': tuple(classes)}
