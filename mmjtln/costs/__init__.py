"""Cost matrices: prior knowledge about two label sets, and its builders.

Open ``base`` first: what every builder does. ``text``, ``taxonomy`` and
``file_cost`` read names; ``image_cost`` is the base of those that see images.
"""
from .base import BaseCost, RawCost
from .confusion import ConfusionCost
from .controls import RandomCost, ShuffledCost
from .cost_matrix import CostMatrix
from .file_cost import FileCost
from .image_cost import ClassFeatures, FeatureCost, ImageCost
from .mkmmd import MKMMDCost
from .taxonomy import TaxonomyCost
from .text import TextCost
from .wasserstein import WassersteinCost

__all__ = [
    'BaseCost', 'ClassFeatures', 'ConfusionCost', 'CostMatrix', 'FeatureCost',
    'FileCost', 'ImageCost', 'MKMMDCost', 'RandomCost', 'RawCost',
    'ShuffledCost', 'TaxonomyCost', 'TextCost', 'WassersteinCost']
