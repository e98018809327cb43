"""Pictures of cost matrices, plans and learning curves, given arrays.

Open ``heatmap`` first: a cost matrix or a plan between two label sets.
"""
from .heatmap import (
    draw_cost,
    draw_plan,
    try_drawing,
    write_cost,
    write_png,
)
from .learning_curve import draw_learning_curve

__all__ = ['draw_cost', 'draw_learning_curve', 'draw_plan', 'try_drawing',
           'write_cost', 'write_png']
