"""Metrics of one domain in an evaluation set of both.

Open ``domain_metric``: any metric of MMPretrain, over one domain.
"""
from .domain_metric import DomainAccuracy, DomainMetric

__all__ = ['DomainAccuracy', 'DomainMetric']
