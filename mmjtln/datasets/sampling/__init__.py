"""Which images stand in which batch, a function of the place in the run.

Open ``joint_sampler`` first; it draws from ``permutation_stream`` and gives
each image a seed of its own, see ``mmjtln.generators``.
"""
