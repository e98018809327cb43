"""Mixed precision without loss scaling, on CPU as well as on GPU."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import nn

from mmjtln.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """MMEngine's ``OptimWrapper`` with the forward pass in bfloat16.

    bfloat16 has the exponents of float32, so gradients do not underflow and
    nothing is scaled. MMEngine's ``AmpOptimWrapper`` cannot be built without a
    GPU, because of its scaler; without one, ``--amp`` means this class.
    Weights, gradients, optimizer state and the OT loss stay in float32.

    Args:
        **kwargs: As in ``OptimWrapper``: ``optimizer``,
            ``accumulative_counts``, ``clip_grad``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter autocast, and hold back synchronization as the parent does."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
