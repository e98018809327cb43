"""A ``pickle`` for ``torch.load`` that knows nothing but checkpoint parts.

For torch < 2.6, whose ``weights_only=True`` cannot be told of MMEngine's
types. Given as ``pickle_module``, it finds the names listed here and no other,
which is how Python's documentation restricts unpickling ("Restricting
Globals"); a file can then call nothing that is not listed.
"""
import _codecs
import pickle
from collections import OrderedDict
from functools import cache
from typing import Any

import torch

from .safe_globals import safe_globals


@cache
def _allowed() -> dict:
    """Return what may be named in a file, by full name."""
    named = [
        entry if isinstance(entry, tuple) else
        (entry, f'{entry.__module__}.{entry.__qualname__}')
        for entry in safe_globals()
    ]
    allowed = {name: found for found, name in named}
    allowed.update({
        f'torch.{name}': found
        for name, found in vars(torch).items()
        if isinstance(found, torch.dtype)
    })
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
        """Return what a file names.

        Raises:
            pickle.UnpicklingError: If it is nothing a checkpoint needs.
        """
        found = _allowed().get(f'{module}.{name}')
        if found is None:
            raise pickle.UnpicklingError(
                f'A checkpoint may hold weights only, but it asks for '
                f'{module}.{name}, which could run code.')
        return found


def load(file: Any, **options: Any) -> Any:
    """Read one pickle; as ``pickle.load``."""
    return Unpickler(file, **options).load()
