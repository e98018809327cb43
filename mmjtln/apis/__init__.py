from .export import export_classifier

__all__ = ['export_classifier']
