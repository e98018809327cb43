from .class_check_hook import ClassCheckHook
from .cost_matrix_hook import CostMatrixHook

__all__ = ['ClassCheckHook', 'CostMatrixHook']
