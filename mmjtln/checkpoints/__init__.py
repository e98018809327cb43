"""Loading checkpoints without running code that a file may hold.

Open ``reading`` first: how MMEngine's loader is replaced.
"""
