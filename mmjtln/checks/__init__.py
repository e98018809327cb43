"""What must hold before a run's first step, one rule a file.

:class:`~mmjtln.hooks.ClassCheckHook` asks for all of it; each function raises
one error that says what was found and what to set. Open ``parts`` first: the
data of a run as the checks go through it.
"""
