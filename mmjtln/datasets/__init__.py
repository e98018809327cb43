"""Data sets and samplers of joint transfer learning.

Open ``joint_dataset`` first: a source and a target as one data set; then
``joint_sampler``: how many images of each stand in a batch.
``class_lists`` and ``contents`` read what any data set says and holds.
"""
from .class_lists import ClassList
from .digits import MNIST5k, UCIDigits
from .joint_dataset import JointDataset
from .joint_sampler import JointSampler
from .subsets import ClassFold, ClassSubset, FewShotDataset
from .union_dataset import UnionDataset

__all__ = [
    'ClassFold', 'ClassList', 'ClassSubset', 'FewShotDataset', 'JointDataset',
    'JointSampler', 'MNIST5k', 'UCIDigits', 'UnionDataset'
]
