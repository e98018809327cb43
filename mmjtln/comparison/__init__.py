"""Comparing JTLN with what one would do without it, on one's own data.

Open ``methods`` first: what is compared; then ``study``: what is run.
"""
from mmjtln.comparison import report

from .frozen_study import FrozenStudy
from .methods import DEFAULT_METHODS, Method, methods_of
from .statistics import holm, mean_interval, paired_difference, summarise
from .study import Study

__all__ = [
    'DEFAULT_METHODS', 'FrozenStudy', 'Method', 'Study', 'holm',
    'mean_interval', 'methods_of', 'paired_difference', 'report', 'summarise'
]
