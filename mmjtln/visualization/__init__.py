"""Pictures of cost matrices and transport plans, given arrays."""
from .heatmap import draw_cost, draw_plan
from .order import clustered_order

__all__ = ['clustered_order', 'draw_cost', 'draw_plan']
