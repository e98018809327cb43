"""Run matrix products in full precision whatever the user's settings."""
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0
_before: list[str] | None = None


@contextmanager
def full_precision(device_type: str) -> Iterator[None]:
    """Switch autocast, TF32 and bf16 products off for a block.

    A product rounded to ten bits leaves a marginal error of about 1e-3,
    which no number of iterations takes away. The settings are global to the
    process: the first thread to enter a block changes them, and the last to
    leave puts them back.
    """
    global _inside, _before
    with torch.autocast(device_type, enabled=False):
        with _lock:
            if not _inside:
                _before = _set_precision()
            _inside += 1
        try:
            yield
        finally:
            with _lock:
                _inside -= 1
                if not _inside:
                    _set_precision(_before)


def _set_precision(values: list[str] | None = None) -> list[str]:
    """Set the process's precision, the full one by default; return it."""
    # Not asked of cuda.matmul, which torch 2.1 answers with an error.
    if hasattr(torch.backends.mkldnn, 'matmul'):
        # torch >= 2.9; mixing it with the older functions is an error.
        settings = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul
        before = [setting.fp32_precision for setting in settings]
        for setting, value in zip(settings, values or ['ieee', 'ieee'],
                                  strict=True):
            setting.fp32_precision = value
    else:
        before = [torch.get_float32_matmul_precision()]
        torch.set_float32_matmul_precision(values[0] if values else 'highest')
    return before
