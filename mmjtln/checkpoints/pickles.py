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


def safe_globals() -> list:
    """List it for torch: objects, or pairs of one and its name in a file."""
    reconstruct, scalar = (np.array(0).__reduce__()[0],
                           np.float64(0).__reduce__()[0])
    allowed = [
        HistoryBuffer, np.ndarray, np.dtype,
        Namespace,  # The options of other programs, which hold values alone.
        (_history_buffer_method, 'builtins.getattr'),
        (_history_buffer_method, '__builtin__.getattr')
    ]
    # A file written under NumPy 1 calls the same functions `numpy.core...`.
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        allowed += [(reconstruct, f'{module}._reconstruct'),
                    (scalar, f'{module}.scalar')]
    return allowed + [type(np.dtype(kind)) for kind in (
        'float64', 'float32', 'int64', 'int32', 'bool')]


@cache
def _allowed() -> dict:
    """Return what may be named in a file, by full name."""
    allowed = {name: found for found, name in (
        entry if isinstance(entry, tuple) else
        (entry, f'{entry.__module__}.{entry.__qualname__}')
        for entry in safe_globals())}
    allowed.update({f'torch.{name}': found
                    for name, found in vars(torch).items()
                    if isinstance(found, torch.dtype)})
    allowed.update({
        'collections.OrderedDict': OrderedDict,
        'torch.Size': torch.Size,
        'torch.device': torch.device,
        'torch.nn.parameter.Parameter': torch.nn.Parameter,
        'torch._utils._rebuild_tensor': torch._utils._rebuild_tensor,
        'torch._utils._rebuild_tensor_v2': torch._utils._rebuild_tensor_v2,
        'torch._utils._rebuild_parameter': torch._utils._rebuild_parameter,
        '_codecs.encode': _codecs.encode,  # How bytes are written.
    })
    for module in ('builtins', '__builtin__'):
        allowed.update({f'{module}.{kind.__name__}': kind
                        for kind in (set, bytearray, complex)})
    return allowed


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
