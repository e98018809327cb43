"""What a notebook imports: training, prediction, export.

Open ``train`` first.
"""
from mmjtln.export import export_classifier

from .inferencer import JTLNInferencer
from .predictions import onnx_predict, write_predictions
from .train import train
from .transport_classes import TransportedClasses, transport_classes

__all__ = [
    'JTLNInferencer', 'TransportedClasses', 'export_classifier',
    'onnx_predict', 'train', 'transport_classes', 'write_predictions'
]
