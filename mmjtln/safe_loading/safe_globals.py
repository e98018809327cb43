"""What an MMEngine checkpoint holds besides tensors and plain containers."""
import pickle
from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer


def _history_buffer_method(owner: Any, name: str) -> Any:
    """Stand in for ``getattr`` while a checkpoint is read.

    A pickled ``HistoryBuffer`` names its four statistics through ``getattr``.
    The real one would let a hostile file reach any attribute of any object,
    so this one answers for those statistics alone.
    """
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current',
                                                  'mean'):
        raise pickle.UnpicklingError(
            f'A checkpoint may hold weights only, but it asks for {name}, an '
            f'attribute of {owner!r}.')
    return getattr(HistoryBuffer, name)


def safe_globals() -> list:
    """List it for ``torch.serialization.safe_globals``.

    Returns:
        list: Classes and functions, those that go by another name in a file
        as pairs of object and full name.
    """
    multiarray = np.array(0).__reduce__()[0].__module__  # np 1: numpy.core
    reconstruct, scalar = (np.array(0).__reduce__()[0],
                           np.float64(0).__reduce__()[0])
    allowed = [
        HistoryBuffer, np.ndarray, np.dtype,
        (_history_buffer_method, 'builtins.getattr'),
        (_history_buffer_method, '__builtin__.getattr')
    ]
    # A file written under NumPy 1 calls the same functions `numpy.core...`.
    for module in {multiarray, 'numpy.core.multiarray',
                   'numpy._core.multiarray'}:
        allowed += [(reconstruct, f'{module}._reconstruct'),
                    (scalar, f'{module}.scalar')]
    return allowed + [type(np.dtype(kind)) for kind in (
        'float64', 'float32', 'int64', 'int32', 'bool')]
