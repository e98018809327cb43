"""Read the yardsticks' data as it is published, and check that it is that."""
import json
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from mmengine.config import ConfigDict

from mmjtln.checkpoints.pickles import Unpickler
from mmjtln.datasets import ClassList
from mmjtln.datasets.build import build_dataset
from mmjtln.datasets.contents import class_indices, image_keys
from mmjtln.errors import require
from mmjtln.files.atomic_file import atomic_write
from mmjtln.files.user_files import reading

Splits = dict[str, dict]


def needed(path: Path, plan: ConfigDict) -> Path:
    """Return a path that must be there; the error says where it is had."""
    require(path.exists(), f'This yardstick needs {path}', 'but it is not '
            'there', f'It is had from {plan.where}', FileNotFoundError)
    return path


def _listed(pictures: Path, classes: Sequence[str], files: Mapping) -> Splits:
    return {split: dict(
        type='CustomDataset', metainfo=dict(classes=classes),
        data_prefix=str(pictures), ann_file=str(file))
        for split, file in files.items()}


def read_lists(root: Path, plan: ConfigDict, name: str, share: int) -> Splits:
    """Return the data sets of a set that has a list a split."""
    folder, classes = needed(root / name, plan), plan.sets[name][0]
    if classes == 'classes.txt':
        classes = str(needed(folder / classes, plan))
    return _listed(folder, ClassList(classes).metainfo['classes'], {
        split: needed(folder / file.format(share), plan)
        for split, file in plan.files.items()})


def read_coop(root: Path, plan: ConfigDict, name: str, out: Path) -> Splits:
    """Return the data sets of a set whose splits are in a file of CoOp's."""
    images, splits = root / plan.sets[name][0], ('train', 'val', 'test')
    if name == 'FGVCAircraft':  # Split by who published it.
        return {split: dict(type=name, data_root=str(images), split=split)
                for split in splits}
    folder = root / Path(plan.sets[name][0]).parts[0]
    file = needed(folder / f'split_zhou_{name}.json', plan)
    with reading(file, 'split', 'It holds `train`, `val` and `test`, lists of '
                 f'[path, label, class name]: take that of {plan.where}.'):
        found = json.loads(file.read_text())
        names = {int(label): called.replace('_', ' ')
                 for split in splits for _, label, called in found[split]}
        texts = {split: ''.join(f'{path} {label}\n' for path, label, _
                                in found[split]) for split in splits}
    lists = {split: out / name / f'{split}.txt' for split in splits}
    for split, path in lists.items():
        with atomic_write(path) as stream:
            stream.write(texts[split].encode())
    return _listed(images, [names[label] for label in sorted(names)], lists)


class _Indices(Unpickler):
    """An unpickler that knows CoOp's pictures, too, and runs nothing."""

    def find_class(self, module: str, name: str) -> Any:
        return Namespace if name == 'Datum' else super().find_class(
            module, name)


def few_shot(root: Path, plan: ConfigDict, name: str, train: dict, shots: int,
             seed: int) -> dict:
    """Return the pictures that CoOp drew, or else, draw them."""
    file = root / Path(plan.sets[name][0]).parts[0] / (
        f'split_fewshot/shot_{shots}-seed_{seed}.pkl')
    if not file.exists():
        return dict(type='mmjtln.FewShotDataset', shots=shots, seed=seed,
                    dataset=train)
    dataset = build_dataset(train)
    # Its data may have lain elsewhere.
    known = {Path(dataset.get_data_info(i)['img_path']).parts[-2:]: i
             for i in range(len(dataset))}
    with reading(file, 'few-shot index of this split', 'Have CoOp write it '
                 'again.'), file.open('rb') as stream:
        return dict(train, indices=[
            known[Path(picture._impath).parts[-2:]]
            for picture in _Indices(stream).load()['train']])


def check_set(plan: ConfigDict, name: str, splits: Splits, share: int) -> None:
    """Hold a set to the publisher's numbers; see that all pictures exist."""
    _, classes, *numbers = plan.sets[name]
    for (split, cfg), number in zip(splits.items(), numbers, strict=True):
        dataset, here = build_dataset(cfg), f'in {split} of {name}'
        names = dataset.metainfo['classes']
        labels = class_indices(dataset, f'{name} {split}')
        empty = np.bincount(labels, minlength=len(names)) == 0
        for what, wrong in (
                ('class without a picture', [
                    names[i] for i in np.flatnonzero(empty)]),
                ('picture that is not there', [
                    key for key in sorted(image_keys(dataset))
                    if not Path(key).is_file()])):
            require(not wrong, f'There is no {what} {here}', f'but '
                    f'{wrong[:3]} ({len(wrong)} in all)',
                    f'Take those of {plan.where}')
        part = share if split == 'train' else 100
        for what, found, wanted, slack in (
                ('classes', len(names), classes, 0),
                ('pictures', len(labels), round(number * part / 100),
                 classes * (part != 100))):
            require(abs(found - wanted) <= slack, f'The {what} {here} must be '
                    f'the {wanted} of the publisher', f'but there are {found}:'
                    ' a list of another version', f'Take that of {plan.where}')


def read_features(root: Path, plan: ConfigDict, name: str) -> dict[str, Any]:
    """Read features, labels, class names and parts, held to the numbers."""
    files = [needed(root / name / file, plan)
             for file in (plan.features, 'att_splits.mat')]
    with reading(root / name, 'split', f'Take that of {plan.where}.'):
        images, split = map(scipy.io.loadmat, files)
        labels, *parts = (
            part.ravel().astype(int) - 1 for part in (
                images['labels'], split['trainval_loc'],
                split['test_seen_loc'], split['test_unseen_loc']))
        features = images['features'].T.astype(float)
        # '001.Laysan_Albatross' in words.
        names = [re.sub(r'^\d+\.|[_+]', ' ', str(row[0][0])).strip()
                 for row in split['allclasses_names']]
    seen, _, unseen = (np.unique(labels[part]) for part in parts)
    found = [len(part) for part in (names, seen, unseen, *parts)]
    require(found == plan.sets[name], f'{name} has {plan.sets[name]} classes, '
            'seen and unseen ones, training pictures, tests of seen and of '
            'unseen ones', f'but here are {found}: a list of another version',
            f'Take that of {plan.where}')
    return dict(features=features, labels=labels, names=names, seen=seen,
                unseen=unseen, parts=parts)
