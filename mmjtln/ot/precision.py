"""Run matrix products in full precision whatever the user's settings."""
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(device_type):
    """Switch autocast, TF32 and bf16 products off for a block.

    A product rounded to ten bits leaves a marginal error of about 1e-3,
    which no number of iterations removes. The settings are global to the
    process; they are put back when the block ends.

    Args:
        device_type (str): Such as ``'cpu'`` or ``'cuda'``.
    """
    with torch.autocast(device_type, enabled=False):
        # Not asked of cuda.matmul, which torch 2.1 answers with an error.
        if hasattr(torch.backends.mkldnn, 'matmul'):
            # torch >= 2.9; mixing it with the older functions is an error.
            settings = (torch.backends.cuda.matmul,
                        torch.backends.mkldnn.matmul)
            before = [s.fp32_precision for s in settings]
            for setting in settings:
                setting.fp32_precision = 'ieee'
            try:
                yield
            finally:
                for setting, value in zip(settings, before, strict=True):
                    setting.fp32_precision = value
        else:
            before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision('highest')
            try:
                yield
            finally:
                torch.set_float32_matmul_precision(before)
