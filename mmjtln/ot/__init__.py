"""Entropic optimal transport for a batch that shares one cost matrix.

Pure torch: nothing here knows of MMEngine. Open ``sinkhorn`` first: the
problem, and how it is solved.
"""
from .kernel import KernelCache
from .result import SinkhornResult
from .sinkhorn import sinkhorn
from .value import entropic_value, label_value

__all__ = [
    'KernelCache', 'SinkhornResult', 'entropic_value', 'label_value',
    'sinkhorn'
]
