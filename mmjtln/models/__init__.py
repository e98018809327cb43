"""The network of a JTLN and its loss.

Open ``classifier`` first: a stock classifier, a second head, and the optimal
transport between the two, which is ``ot_loss``.
"""
from .alexnet import AlexNetNeck
from .classifier import JTLNClassifier
from .data_preprocessor import JointDataPreprocessor
from .losses import LossWeight
from .ot_loss import OTLoss

__all__ = [
    'AlexNetNeck', 'JTLNClassifier', 'JointDataPreprocessor', 'LossWeight',
    'OTLoss'
]
