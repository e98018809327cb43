"""Data sets built from configs, with errors that name what is wrong."""
from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS
from torch.utils.data import Dataset

from mmjtln.domains import SOURCE
from mmjtln.errors import require

from .class_lists import check_parts
from .contents import in_data_set


def build_dataset(dataset: Dataset | dict) -> Dataset:
    """Build a data set from its config; an instance comes back as it is.

    Wrappers of MMEngine build what they wrap with MMEngine's root registry,
    which finds MMPretrain's data sets only under a default scope. Where none
    is set, in a notebook say, MMPretrain's is set while building.

    Raises:
        ValueError: As :func:`check_concatenations`.
    """
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
            check_concatenations(dataset)
            raise


def check_concatenations(cfg: object) -> None:
    """Refuse a concatenation of other classes in a data set's config.

    MMEngine refuses it, too, but does not say which classes differ.

    Raises:
        ValueError: As :func:`~mmjtln.datasets.class_lists.check_parts`.
    """
    if isinstance(cfg, dict):
        if str(cfg.get('type')).endswith('ConcatDataset'):
            check_parts([build_dataset(part).metainfo.get('classes')
                         for part in cfg['datasets']])
        check_concatenations(cfg.get('dataset'))


def build_domain(domain: str, dataset: Dataset | dict | list) -> Dataset:
    """Build a domain's data set, given as :class:`JointDataset` takes it.

    Raises:
        ValueError: If it is missing, or a concatenation of other classes.
        TypeError: If it is no data set.
    """
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
