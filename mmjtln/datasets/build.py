"""Data sets built from configs, with errors that name what is wrong."""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS
from torch.utils.data import Dataset

from mmjtln.domains import SOURCE

from .class_lists import describe_difference


def build_dataset(dataset: Dataset | dict) -> Dataset:
    """Build a data set unless it is one already.

    Wrappers of MMEngine build what they wrap with MMEngine's root registry,
    which finds MMPretrain's data sets only under a default scope. Where none
    is set, in a notebook say, MMPretrain's is set while building.

    Args:
        dataset (Dataset | dict): A config with ``type``, or a data set.

    Returns:
        Dataset: The data set; an instance comes back as it is.

    Raises:
        TypeError: If the type does not take a key of the config.
    """
    if not isinstance(dataset, dict):
        return dataset
    _forget_copies()
    scope = None if DefaultScope.get_current_instance() else 'mmpretrain'
    try:
        with DefaultScope.overwrite_default_scope(scope):
            return DATASETS.build(dataset)
    except TypeError as error:
        if 'unexpected keyword argument' not in str(error):
            raise
        raise TypeError(
            f'{error}; if a data set of the `_base_` config left that key '
            'behind, add `_delete_=True` beside '
            f'`type={dataset.get("type")!r}`') from error


def _forget_copies() -> None:
    """Empty the memo that MMEngine's copies of data sets share.

    A fold or a subset is a copy, and MMEngine's `_copy_without_annotation`
    keeps what it has copied in a default argument, by the addresses of
    objects. One at the address of an object that is gone would silently get
    what that one had, such as its pipeline.
    """
    for default in BaseDataset._copy_without_annotation.__defaults__ or ():
        if isinstance(default, dict):
            default.clear()


#: What MMEngine says where parts differ in their metainfo.
_HOST_ERRORS = ('meta information of', 'be the same with the first dataset')


def check_concatenations(dataset: Any) -> None:
    """Refuse a concatenation of other classes, inside of wrappers too.

    Args:
        dataset (object): A data set of MMPretrain, or a wrapper of one.

    Raises:
        ValueError: Saying how the class lists differ.
    """
    if isinstance(dataset, ConcatDataset):
        check_parts([part.metainfo.get('classes')
                     for part in dataset.datasets])
        for part in dataset.datasets:
            check_concatenations(part)
    elif hasattr(dataset, 'dataset'):
        check_concatenations(dataset.dataset)


def check_parts(lists: Sequence[Sequence[str] | None]) -> None:
    """Refuse class lists that differ.

    Args:
        lists (Sequence): The class names of each part.

    Raises:
        ValueError: Saying how, and what to set.
    """
    first, *others = (tuple(classes or ()) for classes in lists)
    found = [
        f'part {number}: {describe_difference(first, classes)}'
        for number, classes in enumerate(others, 1) if classes != first]
    if found:
        raise ValueError(
            'the parts of a ConcatDataset must have the same classes in the '
            f'same order, but compared with part 0, {"; ".join(found)}. Use '
            "dict(type='mmjtln.UnionDataset', datasets=[...]), which learns "
            'the union of the classes, or set `metainfo=dict(classes=[...])` '
            'of each part to one list, which is then what the labels of its '
            'annotations mean')


def explain(dataset: Any) -> None:
    """Look for what MMEngine refused in a config.

    Args:
        dataset (dict | object): Config of a data set, wrapped or not.

    Raises:
        ValueError: As :func:`check_parts`.
    """
    if not isinstance(dataset, dict):
        return
    if isinstance(dataset.get('datasets'), (list, tuple)) and str(
            dataset.get('type')).endswith('ConcatDataset'):
        check_parts([build_dataset(part).metainfo.get('classes')
                     for part in dataset['datasets']])
    explain(dataset.get('dataset'))


def is_host_error(error: Exception) -> bool:
    """Whether MMEngine refused a concatenation for its metainfo."""
    return any(text in str(error) for text in _HOST_ERRORS)


@contextmanager
def explained_concatenations(cfg: Config) -> Iterator[None]:
    """Say which data set of a run MMEngine refuses to concatenate, and why.

    Args:
        cfg (Config): That of the run.

    Raises:
        ValueError: In place of MMEngine's error.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if not is_host_error(error):
            raise
        for split in ('train', 'val', 'test'):
            loader = cfg.get(f'{split}_dataloader') or {}
            try:
                explain(loader.get('dataset'))
            except ValueError as cause:
                raise ValueError(f'in `{split}_dataloader.dataset`, {cause}'
                                 ) from error
        raise


def build_domain(domain: str, dataset: Dataset | dict | list) -> Dataset:
    """Build a domain's data set unless it is one already.

    Args:
        domain (str): ``'source'`` or ``'target'``.
        dataset (Dataset | dict | list): As :class:`JointDataset` takes it.

    Raises:
        ValueError: If it is missing or empty, or a concatenation mixes
            classes.
        TypeError: If it is no data set.
    """
    if dataset is None:
        raise ValueError(
            'a JointDataset needs a source and a target, but '
            f'`{domain}` is missing; set `{domain}=dict(type=...)` in '
            'the JointDataset of `train_dataloader.dataset`')
    with explain_empty(domain):
        if domain == SOURCE and isinstance(dataset, list):
            dataset = dict(type='mmjtln.UnionDataset', datasets=dataset)
        dataset = _build_named(domain, dataset)
    if not hasattr(dataset, 'get_data_info'):
        raise TypeError(
            f'`{domain}` of JointDataset must be a config or a data set '
            f'of MMPretrain, but got {type(dataset).__name__}')
    return dataset


def _build_named(domain: str, dataset: Dataset | dict) -> Dataset:
    """Build a domain's data set; say which classes a concatenation mixes."""
    try:
        return build_dataset(dataset)
    except (TypeError, ValueError) as error:
        if is_host_error(error):
            with name_domain(domain):
                explain(dataset)
        raise


def empty_message(domain: str) -> str:
    """Say that a domain has no image, and where to look."""
    return (f'both domains must hold images, but the {domain} data set is '
            f'empty; check the paths, splits and filters of `{domain}` in '
            'the JointDataset')


@contextmanager
def explain_empty(domain: str) -> Iterator[None]:
    """Say what MMEngine means when it fails to serialize no annotation."""
    try:
        yield
    except ValueError as error:
        if 'need at least one array' not in str(error):
            raise
        raise ValueError(empty_message(domain)) from error


@contextmanager
def name_domain(domain: str) -> Iterator[None]:
    """Say in which domain an image has a wrong label."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f'in the {domain} data set, {error}') from error
