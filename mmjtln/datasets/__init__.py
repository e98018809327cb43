"""Data sets and samplers of joint transfer learning."""
from .digits import MNIST5k, UCIDigits
from .few_shot import FewShotDataset
from .joint_dataset import JointDataset
from .joint_sampler import JointSampler

__all__ = [
    'FewShotDataset', 'JointDataset', 'JointSampler', 'MNIST5k', 'UCIDigits'
]
