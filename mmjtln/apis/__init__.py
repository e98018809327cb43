"""What a notebook imports: training, prediction, export.

Open ``train`` first.
"""
from mmjtln.export import export_classifier

from .adapt import Adapted, adapt
from .inferencer import JTLNInferencer
from .predictions import onnx_predict, write_predictions
from .train import train

__all__ = [
    'Adapted', 'JTLNInferencer', 'adapt', 'export_classifier',
    'onnx_predict', 'train', 'write_predictions'
]
