"""What happens around a run's steps: checks, the cost matrix, pictures.

Open ``class_check_hook`` first: it says what must agree before a run starts.
"""
from .class_check_hook import ClassCheckHook
from .cost_matrix_hook import CostMatrixHook
from .head_init_hook import HeadInitHook
from .learning_curve_hook import LearningCurveHook
from .network_hooks import ChannelsLastHook, NormEvalHook
from .plan_visualization_hook import PlanVisualizationHook
from .stock_checkpoint_hook import StockCheckpointHook

__all__ = [
    'ChannelsLastHook', 'ClassCheckHook', 'CostMatrixHook', 'HeadInitHook',
    'LearningCurveHook', 'NormEvalHook', 'PlanVisualizationHook',
    'StockCheckpointHook'
]
