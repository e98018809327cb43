"""What must hold before a run's first step.

Open ``before_run`` first: the list of all checks, in the order in which they
are asked.
"""
