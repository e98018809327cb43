from .accuracy import DomainAccuracy

__all__ = ['DomainAccuracy']
