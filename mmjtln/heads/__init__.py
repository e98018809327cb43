"""Classifiers that begin at what is known: carried over, fitted, pulled.

Open ``transported`` first: it carries a source classifier over to the target
classes.
"""
from .carry_over import carry_over
from .l2_sp import L2SP
from .last_layer import output_layers
from .linear_fit import fit_linear
from .transported import plan_weights, transported

__all__ = [
    'L2SP', 'carry_over', 'plan_weights', 'fit_linear', 'output_layers',
    'transported'
]
