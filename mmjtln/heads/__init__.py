"""Classifiers that begin at what is known: carried over, fitted, pulled.

Open ``transported`` first: it carries a source classifier over to the target
classes.
"""
from .start_pull import StartPull

__all__ = ['StartPull']
