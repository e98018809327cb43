"""Cost matrices: prior knowledge about two label sets, and its builders."""
from .base import BaseCost, Measured
from .composite import CompositeCost
from .confusion import ConfusionCost
from .cost_matrix import CostMatrix
from .feature_cost import ClassFeatures, FeatureCost
from .file_cost import FileCost
from .image_cost import ImageCost
from .mkmmd import MKMMDCost
from .prototype import PrototypeCost
from .random_cost import RandomCost
from .taxonomy_cost import TaxonomyCost
from .text import TextCost
from .wasserstein import WassersteinCost

__all__ = [
    'BaseCost', 'ClassFeatures', 'CompositeCost', 'ConfusionCost',
    'CostMatrix', 'FeatureCost', 'FileCost', 'ImageCost', 'MKMMDCost',
    'Measured', 'PrototypeCost', 'RandomCost',
    'TaxonomyCost', 'TextCost', 'WassersteinCost'
]
