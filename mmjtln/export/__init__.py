"""From a trained JTLN to files for people without this plugin.

Open ``export`` first: it writes a stock config and checkpoint, and ONNX.
"""
from .export import export_classifier

__all__ = ['export_classifier']
