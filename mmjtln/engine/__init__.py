from .class_check_hook import ClassCheckHook
from .cost_matrix_hook import CostMatrixHook
from .resumable_checkpoint_hook import ResumableCheckpointHook
from .stock_checkpoint_hook import StockCheckpointHook

__all__ = [
    'ClassCheckHook', 'CostMatrixHook', 'ResumableCheckpointHook',
    'StockCheckpointHook'
]
