"""Cost matrices: prior knowledge about two label sets, and its builders."""
from .base import BaseCost, Measured
from .cost_matrix import CostMatrix
from .feature_cost import ClassFeatures, FeatureCost
from .file_cost import FileCost
from .image_cost import ImageCost
from .mkmmd import MKMMDCost

__all__ = [
    'BaseCost', 'ClassFeatures', 'CostMatrix', 'FeatureCost', 'FileCost',
    'ImageCost', 'MKMMDCost', 'Measured'
]
