"""Classifiers that begin at what is known: carried over, fitted, pulled.

Open ``transported`` first: it carries a source classifier over to the target
classes.
"""
from .carry_over import carry_over
from .last_layer import output_layers
from .linear_fit import fit_linear
from .start_pull import StartPull
from .transported import class_shares, transported

__all__ = [
    'StartPull', 'carry_over', 'class_shares', 'fit_linear', 'output_layers',
    'transported'
]
