"""What a user would pick instead of JTLN, one small part each.

Open ``README.md`` first: what each is, and when.
"""
from .bss import BSSClassifier
from .co_tuning import CoTuningLoss
from .l2_sp import L2SPHook
from .lp_ft import LPFTHook
from .lwf import LwFClassifier
from .source_weights import SourceWeightsHook

__all__ = [
    'BSSClassifier', 'CoTuningLoss', 'L2SPHook', 'LPFTHook', 'LwFClassifier',
    'SourceWeightsHook'
]
