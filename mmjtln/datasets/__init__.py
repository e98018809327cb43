"""Data sets and samplers of joint transfer learning.

Open ``joint_dataset`` first: a source and a target as one data set; then
``sampling/joint_sampler``: how many images of each stand in a batch.
``class_lists`` and ``contents`` read what any data set says and holds.
"""
from mmjtln.datasets.sampling.joint_sampler import JointSampler

from .class_lists import ClassList
from .digits import MNIST5k, UCIDigits
from .elpv import ELPV
from .joint_dataset import JointDataset
from .subsets import ClassFold, ClassSubset, FewShotDataset
from .union_dataset import UnionDataset

__all__ = [
    'ELPV', 'ClassFold', 'ClassList', 'ClassSubset', 'FewShotDataset',
    'JointDataset', 'JointSampler', 'MNIST5k', 'UCIDigits', 'UnionDataset'
]
