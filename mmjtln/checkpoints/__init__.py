"""Loading checkpoints without running code that a file may hold.

Open ``checkpoint`` first: how MMEngine's loader is replaced.
"""
