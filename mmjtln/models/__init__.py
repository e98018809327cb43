from .alexnet import AlexNet, AlexNetNeck, convert_torchvision_alexnet
from .classifier import JTLNClassifier
from .data_preprocessor import JointDataPreprocessor
from .loss_weight import LossWeight
from .ot_loss import OTLoss

__all__ = [
    'AlexNet', 'AlexNetNeck', 'JTLNClassifier', 'JointDataPreprocessor',
    'LossWeight', 'OTLoss', 'convert_torchvision_alexnet'
]
