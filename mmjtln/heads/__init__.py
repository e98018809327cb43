"""Classifiers that begin at what is known: transported, fitted, kept near.

Open ``transported`` first: it initialises a target classifier from a source
classifier.
"""
from .carriers import CARRIERS, mixing_weights
from .l2_sp import L2SP
from .last_layer import output_layers
from .linear_fit import fit_linear, weigh_start
from .transported import carry_over, plan_weights, transported

__all__ = [
    'CARRIERS', 'L2SP', 'carry_over', 'fit_linear', 'mixing_weights',
    'output_layers', 'plan_weights', 'transported', 'weigh_start'
]
