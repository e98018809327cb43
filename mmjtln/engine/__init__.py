from .class_check_hook import ClassCheckHook
from .cost_matrix_hook import CostMatrixHook
from .stock_checkpoint_hook import StockCheckpointHook

__all__ = ['ClassCheckHook', 'CostMatrixHook', 'StockCheckpointHook']
