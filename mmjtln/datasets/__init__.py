"""Data sets and samplers of joint transfer learning.

Open ``joint_dataset`` first: a source and a target as one data set; then
``joint_sampler``: how many images of each stand in a batch.
"""
from .class_list import ClassList
from .class_subset import ClassSubset
from .digits import MNIST5k, UCIDigits
from .elpv import ELPV
from .few_shot import FewShotDataset
from .joint_dataset import JointDataset
from .joint_sampler import JointSampler
from .union_dataset import UnionDataset

__all__ = [
    'ELPV', 'ClassList', 'ClassSubset', 'FewShotDataset', 'JointDataset',
    'JointSampler', 'MNIST5k', 'UCIDigits', 'UnionDataset'
]
