"""A domain's data set, with errors that say which domain they are about."""
from collections.abc import Iterator
from contextlib import contextmanager

from torch.utils.data import Dataset

from mmjtln.domains import SOURCE

from .build import build_dataset
from .concatenation import explain, is_host_error
from .wrappers.union_dataset import UnionDataset


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
        dataset = (
            UnionDataset(dataset) if domain == SOURCE and isinstance(
                dataset, list) else _build_named(domain, dataset))
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
