"""What a notebook imports: training, prediction, export.

Open ``train`` first.
"""
from mmjtln.export import export_classifier

from .inferencer import JTLNInferencer
from .train import train

__all__ = ['JTLNInferencer', 'export_classifier', 'train']
