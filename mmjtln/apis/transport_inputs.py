"""What :func:`~mmjtln.apis.transport_classes` is given, read and checked."""
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.apis import ModelHub
from mmpretrain.datasets import CustomDataset

from mmjtln.datasets.class_lists import (
    check_names,
    checkpoint_classes,
    name_differences,
)
from mmjtln.files.user_files import read_lines


def read_config(config: str | Path | Config) -> Config:
    if isinstance(config, Config):
        return deepcopy(config)
    if not Path(config).is_file() and ModelHub.has(str(config)):
        return deepcopy(ModelHub.get(str(config)).config)
    if not Path(config).is_file():
        raise FileNotFoundError(
            f'There is no config {config}, nor a model of MMPretrain with '
            'this name. Give a file, or a name as '
            'mmpretrain.list_models() has them.')
    return Config.fromfile(config)


def test_dataset(cfg: Config) -> dict:
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader')
    if not loader:
        raise ValueError(
            'How images are read is taken from the test data, but the config '
            'has neither `test_dataloader` nor `val_dataloader`.')
    return loader.dataset


def image_folder(images: str | Path, pipeline: list[dict]) -> CustomDataset:
    if not Path(images).is_dir():
        raise FileNotFoundError(f'There is no folder of images {images}.')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return CustomDataset(data_root=str(images), pipeline=pipeline)


def read_classes(path: Path) -> tuple[list[str], dict[str, str]]:
    """Read class names, and the descriptions behind a tab."""
    rows = [[part.strip() for part in line.partition('\t')[::2]]
            for line in read_lines(path, 'list of classes')]
    return [name for name, _ in rows], {name: told for name, told in rows
                                        if told}


def target_names(classes: Sequence[str],
                 dataset: CustomDataset | None) -> tuple:
    folders = None if dataset is None else tuple(dataset.metainfo['classes'])
    if classes is None:
        if folders is None:
            raise ValueError('The new classes come from a list of names or '
                             'from folders of images: give one of the two.')
        return folders
    names = check_names(list(classes), 'target')
    problems = [] if folders is None else name_differences(
        'target', folders, names)
    if problems:
        raise ValueError('Each class has a folder of images with its name, '
                         f'but {"; ".join(problems)}. Rename the folders, or '
                         'correct the list.')
    return names


def source_list(source_classes: Sequence[str] | str | Path | None,
                loaded: dict, checkpoint: str | Path) -> Sequence[str] | str:
    """Return what names the classes that the checkpoint knows."""
    if source_classes is not None:
        return source_classes
    if checkpoint_classes(loaded):
        return str(checkpoint)
    return 'imagenet'
