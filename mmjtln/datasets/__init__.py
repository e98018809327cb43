"""Data sets and samplers of joint transfer learning.

Open ``joint_dataset`` first: a source and a target as one data set; then
``sampling/joint_sampler``: how many images of each stand in a batch.
``class_list`` is a source without images, ``wrappers`` has parts and unions
of data sets, ``embedded`` those that need no download. The other files read
what any data set says of itself: labels, classes, images.
"""
from .class_list import ClassList
from .embedded.digits import MNIST5k, UCIDigits
from .embedded.elpv import ELPV
from .joint_dataset import JointDataset
from .sampling.joint_sampler import JointSampler
from .wrappers.class_subset import ClassSubset
from .wrappers.few_shot import FewShotDataset
from .wrappers.union_dataset import UnionDataset

__all__ = [
    'ELPV', 'ClassList', 'ClassSubset', 'FewShotDataset', 'JointDataset',
    'JointSampler', 'MNIST5k', 'UCIDigits', 'UnionDataset'
]
