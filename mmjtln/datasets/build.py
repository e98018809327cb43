"""Data sets built from configs, with errors that name what is wrong."""
import re
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.fileio import list_from_file
from mmengine.registry import DefaultScope
from mmpretrain.datasets import CustomDataset
from mmpretrain.registry import DATASETS
from torch.utils.data import Dataset

from mmjtln.domains import SOURCE
from mmjtln.errors import require

from .class_lists import check_parts
from .contents import in_data_set


def build_dataset(dataset: Dataset | dict) -> Dataset:
    """Build a data set from its config, also where no default scope is set."""
    if not isinstance(dataset, dict):
        return dataset
    # A fold is a copy, and MMEngine keeps what it has copied in a default
    # argument, by the addresses of objects: one at the address of an object
    # that is gone would get what that one had, such as its pipeline.
    for memo in BaseDataset._copy_without_annotation.__defaults__ or ():
        if isinstance(memo, dict):
            memo.clear()
    scope = None if DefaultScope.get_current_instance() else 'mmpretrain'
    with DefaultScope.overwrite_default_scope(scope):
        try:
            return DATASETS.build(dataset)
        except (TypeError, ValueError):
            check_parts_of(dataset)
            raise


def check_parts_of(cfg: object) -> None:
    """Name the line or the classes for which the hosts refuse a data set."""
    if isinstance(cfg, list | tuple):
        cfg = dict(enumerate(cfg))
    if not isinstance(cfg, dict):
        return
    for part in cfg.values():
        check_parts_of(part)
    kind: Any = cfg.get('type')
    if str(kind).endswith('ConcatDataset'):
        check_parts([build_dataset(part).metainfo.get('classes')
                     for part in cfg['datasets']])
    if cfg.get('ann_file') and isinstance(kind, str):
        kind = DATASETS.get(kind)
    if cfg.get('ann_file') and getattr(kind, 'load_data_list', None) is (
            CustomDataset.load_data_list):
        # Where the file is depends on the data set's other options.
        _check_annotations(kind(**{
            key: value for key, value in cfg.items()
            if key not in ('type', 'pipeline', '_scope_')} | dict(
                lazy_init=True)))


def _check_annotations(dataset: CustomDataset) -> None:
    if not dataset.with_label or not Path(dataset.ann_file).is_file():
        return
    for number, line in enumerate(list_from_file(dataset.ann_file), 1):
        path, _, label = line.strip().rpartition(' ')
        require(path and re.fullmatch(r'-?\d+', label), 'Each line of an '
                'annotation file is a path, a blank and a class index',
                f'but line {number} of {dataset.ann_file} is {line!r}',
                'Write it like `folder/picture.jpg 3`' if line.strip() else
                'Leave empty lines out')


def build_domain(domain: str, dataset: Dataset | dict | list) -> Dataset:
    """Build a domain's data set, given as :class:`JointDataset` takes it."""
    require(dataset is not None, 'A JointDataset needs a source and a target',
            f'but `{domain}` is missing', f'Set `{domain}=dict(type=...)` in '
            '`train_dataloader.dataset`')
    if domain == SOURCE and isinstance(dataset, list):
        dataset = dict(type='mmjtln.UnionDataset', datasets=dataset)
    with in_data_set(domain):
        dataset = build_dataset(dataset)
    require(hasattr(dataset, 'get_data_info'), f'`{domain}` of a JointDataset '
            'must be a config or a data set of MMPretrain',
            f'but got {type(dataset).__name__}', 'Set it to one', TypeError)
    return dataset
