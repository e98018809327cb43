"""What a checkpoint may name, and a ``pickle`` that knows nothing else."""
import _codecs
import pickle
from argparse import Namespace
from collections import OrderedDict
from functools import cache
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


def _history_buffer_method(owner: Any, name: str) -> Any:
    """Stand in for ``getattr``, which would reach anything, in a file."""
    # A pickled HistoryBuffer names its four statistics through it.
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current',
                                                  'mean'):
        raise pickle.UnpicklingError(
            f'A checkpoint may hold weights only, but it asks for {name}, an '
            f'attribute of {owner!r}.')
    return getattr(HistoryBuffer, name)


@cache
def admitted() -> dict[str, Any]:
    """Return what checkpoints name besides what torch admits, by full name."""
    # Namespace: the options of other programs, which hold values alone.
    kinds = [HistoryBuffer, Namespace, np.ndarray, np.dtype, *(
        type(np.dtype(kind))
        for kind in ('float64', 'float32', 'int64', 'int32', 'bool'))]
    found = {f'{kind.__module__}.{kind.__qualname__}': kind for kind in kinds}
    for module in ('builtins', '__builtin__'):
        found[f'{module}.getattr'] = _history_buffer_method
    # A file written under NumPy 1 calls the same functions `numpy.core...`.
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        found[f'{module}._reconstruct'] = np.array(0).__reduce__()[0]
        found[f'{module}.scalar'] = np.float64(0).__reduce__()[0]
    return found


@cache
def _allowed() -> dict[str, Any]:
    """Return all that a file may name, by full name."""
    return {
        **admitted(),
        **{f'torch.{name}': found for name, found in vars(torch).items()
           if isinstance(found, torch.dtype)},
        **{f'{module}.{kind.__name__}': kind
           for module in ('builtins', '__builtin__')
           for kind in (set, bytearray, complex)},
        'collections.OrderedDict': OrderedDict,
        'torch.Size': torch.Size,
        'torch.device': torch.device,
        'torch.nn.parameter.Parameter': torch.nn.Parameter,
        'torch._utils._rebuild_tensor': torch._utils._rebuild_tensor,
        'torch._utils._rebuild_tensor_v2': torch._utils._rebuild_tensor_v2,
        'torch._utils._rebuild_parameter': torch._utils._rebuild_parameter,
        '_codecs.encode': _codecs.encode,  # How bytes are written.
    }


class Unpickler(pickle.Unpickler):
    """An unpickler that refuses every name that is not listed."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a file names, if a checkpoint needs it."""
        found = _allowed().get(f'{module}.{name}')
        if found is None:
            raise pickle.UnpicklingError(
                f'A checkpoint may hold weights only, but it asks for '
                f'{module}.{name}, which could run code.')
        return found


def load(file: Any, **options: Any) -> Any:
    """Read one pickle; as ``pickle.load``."""
    return Unpickler(file, **options).load()
