"""All images of a run looked at before it, one rule a file.

Open ``check`` first: it goes through the splits and domains of a config.
"""
from .check import PartReport, check_data

__all__ = ['PartReport', 'check_data']
