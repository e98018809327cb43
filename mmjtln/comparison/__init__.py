"""Comparing JTLN with what one would do without it, on one's own data.

Open ``methods`` first: what is compared; then ``study``: what is run.
``frozen_*`` do the same on the features of a frozen network. Both make the
``results`` of which ``report`` makes tables.
"""
from mmjtln.comparison import report

from .frozen_study import FrozenStudy
from .methods import DEFAULT_METHODS, Method, methods_of
from .results import (
    MethodResult,
    Results,
    RunResult,
    summarise,
)
from .study import Study

__all__ = [
    'DEFAULT_METHODS', 'FrozenStudy', 'Method', 'MethodResult', 'Results',
    'RunResult', 'Study', 'methods_of', 'report', 'summarise'
]
