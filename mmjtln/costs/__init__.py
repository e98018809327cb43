"""Cost matrices: prior knowledge about two label sets, and its builders.

Open ``base`` first: what every builder does; builders from class names are in
``names``, those that look at images in ``images``.
"""
from .base import BaseCost, RawCost
from .composite import CompositeCost
from .cost_matrix import CostMatrix
from .file_cost import FileCost
from .images.confusion import ConfusionCost
from .images.feature_cost import ClassFeatures, FeatureCost
from .images.image_cost import ImageCost
from .images.mkmmd import MKMMDCost
from .images.prototype import PrototypeCost
from .images.wasserstein import WassersteinCost
from .names.taxonomy_cost import TaxonomyCost
from .names.text import TextCost
from .random_cost import RandomCost
from .shuffled_cost import ShuffledCost

__all__ = [
    'BaseCost', 'ClassFeatures', 'CompositeCost', 'ConfusionCost',
    'CostMatrix', 'FeatureCost', 'FileCost', 'ImageCost', 'MKMMDCost',
    'RawCost', 'PrototypeCost', 'RandomCost', 'ShuffledCost',
    'TaxonomyCost', 'TextCost', 'WassersteinCost'
]
