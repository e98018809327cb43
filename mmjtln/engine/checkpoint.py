"""Reading MMEngine's checkpoints under torch's ``weights_only=True``.

From version 2.6 on, ``torch.load`` refuses everything but tensors and plain
containers unless it is told of more. MMEngine's checkpoints hold the training
log as well (``HistoryBuffer``, NumPy arrays), so every ``--resume``,
``load_from`` and ``tools/test.py`` fails. The types a checkpoint really needs
are admitted here, only while one is read; the check itself stays on.
"""
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import barrier, get_local_rank
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader


def _history_buffer_method(owner, name: str):
    """Stand in for ``getattr`` while a checkpoint is read.

    A pickled ``HistoryBuffer`` names its four statistics through ``getattr``.
    The real one would let a hostile file reach any attribute of any object,
    so this one answers for those statistics alone.
    """
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current',
                                                  'mean'):
        raise AttributeError(
            f'A checkpoint may not ask for attribute {name!r} of {owner!r}.')
    return getattr(HistoryBuffer, name)


def _safe_globals() -> list:
    """List what an MMEngine checkpoint holds besides tensors."""
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


def _load(file, map_location=None) -> dict:
    with torch.serialization.safe_globals(_safe_globals()):
        return torch.load(file, map_location=map_location, weights_only=True)


def _load_from_local(filename: str, map_location=None) -> dict:
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'There is no checkpoint {path}.')
    return _load(path, map_location)


def _load_from_http(url: str, map_location=None) -> dict:
    # One process a machine downloads, into torch's own cache.
    path = Path(torch.hub.get_dir(), 'checkpoints', Path(url).name)
    if get_local_rank() == 0 and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path))
    barrier()
    return _load(path, map_location)


def register_checkpoint_loaders() -> None:
    """Make MMEngine's local and HTTP loaders admit its own checkpoints.

    They take the place of the host's, of which OpenMMLab's refuse MMEngine's
    checkpoints and OneDL's load what the check refuses without it.

    Does nothing under torch < 2.6, which does not check by default and whose
    allow-list, where it exists, cannot rename what it admits.
    """
    if tuple(map(int, torch.__version__.split('.')[:2])) < (2, 6):
        return
    CheckpointLoader.register_scheme('', _load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'),
                                     _load_from_http,
                                     force=True)
