"""The two domains of joint transfer learning and how samples name theirs.

A :class:`~mmpretrain.structures.DataSample` says its domain in the metainfo
field ``domain``; one that says nothing belongs to the target domain, which is
how a trained model treats images it meets outside training.
"""
from collections.abc import Sequence

from mmpretrain.structures import DataSample

SOURCE = 'source'
TARGET = 'target'
DOMAINS = (SOURCE, TARGET)


def domain_of(data_sample: DataSample | None) -> str:
    """Return the domain of a data sample, or of an image without one."""
    return TARGET if data_sample is None else data_sample.get('domain', TARGET)


def split(data_samples: Sequence[DataSample | None]) -> dict[str, list[int]]:
    """Return the rows of each domain in a batch: ascending, by its name."""
    rows: dict[str, list[int]] = {domain: [] for domain in DOMAINS}
    for row, sample in enumerate(data_samples):
        rows[domain_of(sample)].append(row)
    return rows
