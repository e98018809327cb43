"""Domains of samples."""
from mmpretrain.structures import DataSample

from mmjtln.domains import split


def test_split():
    """A sample that says nothing is a target."""
    samples = [DataSample() for _ in range(4)]
    for row in (1, 3):
        samples[row].set_field('source', 'domain', field_type='metainfo')
    assert split(samples) == dict(source=[1, 3], target=[0, 2])
    assert split([None]) == dict(source=[], target=[0])
