"""Checkpoints that are written whole, and runs that go on exactly.

Open ``checkpoint_hook`` first: the one line of a config that gives both.
"""
from .checkpoint_hook import ResumableCheckpointHook

__all__ = ['ResumableCheckpointHook']
