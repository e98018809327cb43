"""Pictures of cost matrices and transport plans."""
from .heatmap import draw_cost, draw_plan
from .order import clustered_order
from .plan_hook import PlanVisualizationHook

__all__ = [
    'PlanVisualizationHook', 'clustered_order', 'draw_cost', 'draw_plan'
]
