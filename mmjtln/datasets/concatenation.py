"""Rule: the parts of a concatenation mean the same classes by their labels.

MMEngine's ``ConcatDataset`` keeps the class list of its first part. With
``ignore_keys=['classes']`` the labels of the others are then read as classes
of that list; without, its error names neither data set nor classes.
"""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.dataset import ConcatDataset

from mmjtln.class_lists import describe_difference

from .build import build_dataset

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
