"""What a user would pick instead of JTLN, one small part each.

Open ``README.md`` first: what each is, and when.
"""
from .decay_to_start import DecayToStart
from .l2_sp import L2SPHook

__all__ = ['DecayToStart', 'L2SPHook']
