"""What a user would pick instead of JTLN, one small part each.

Open ``README.md`` first: what each is, and when.
"""
from .l2_sp import L2SPHook

__all__ = ['L2SPHook']
