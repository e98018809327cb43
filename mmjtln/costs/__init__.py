"""Cost matrices: prior knowledge about two label sets, and its builders.

Open ``base`` first: what every builder does; builders from class names are in
``names``, those that look at images in ``images``.
"""
from .base import BaseCost, RawCost
from .composite import CompositeCost
from .confusion import ConfusionCost
from .cost_matrix import CostMatrix
from .feature_cost import ClassFeatures, FeatureCost
from .file_cost import FileCost
from .image_cost import ImageCost
from .mkmmd import MKMMDCost
from .prototype import PrototypeCost
from .random_cost import RandomCost
from .shuffled_cost import ShuffledCost
from .taxonomy_cost import TaxonomyCost
from .text import TextCost
from .wasserstein import WassersteinCost

__all__ = [
    'BaseCost', 'ClassFeatures', 'CompositeCost', 'ConfusionCost',
    'CostMatrix', 'FeatureCost', 'FileCost', 'ImageCost', 'MKMMDCost',
    'RawCost', 'PrototypeCost', 'RandomCost', 'ShuffledCost',
    'TaxonomyCost', 'TextCost', 'WassersteinCost'
]
