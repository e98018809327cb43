"""Entropic optimal transport for a batch that shares one cost matrix.

Pure torch: nothing here knows of MMEngine.
"""
from .result import SinkhornResult
from .sinkhorn import sinkhorn

__all__ = ['SinkhornResult', 'sinkhorn']
