"""Comparing JTLN with what one would do without it, on one's own data.

Open ``methods`` first: what is compared; then ``study``: what is run.
It makes the ``results`` of which ``report`` makes tables.
"""
from mmjtln.comparison import report

from .methods import DEFAULT_METHODS, Method, methods_of
from .results import MethodResult, Results, RunResult, summarise
from .study import Study

__all__ = [
    'DEFAULT_METHODS', 'Method', 'MethodResult', 'Results',
    'RunResult', 'Study', 'methods_of', 'report', 'summarise'
]
