from .bf16_optim_wrapper import BF16OptimWrapper
from .class_check_hook import ClassCheckHook
from .cost_matrix_hook import CostMatrixHook
from .resumable_checkpoint_hook import ResumableCheckpointHook
from .stock_checkpoint_hook import StockCheckpointHook

__all__ = [
    'BF16OptimWrapper', 'ClassCheckHook', 'CostMatrixHook',
    'ResumableCheckpointHook', 'StockCheckpointHook'
]
