"""Metrics of one domain in an evaluation set of both."""
from .domain_metric import DomainAccuracy, DomainMetric

__all__ = ['DomainAccuracy', 'DomainMetric']
