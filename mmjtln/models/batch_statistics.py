"""Batch normalization when a batch holds images of two domains."""
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def layers_with_batch_statistics(model: nn.Module) -> list[nn.Module]:
    """List the layers that normalise by the statistics of their batch.

    Those are the batch normalizations in training mode: frozen ones
    (``norm_eval``) use their running statistics, and other normalizations do
    not look at the batch.
    """
    return [layer for layer in model.modules()
            if isinstance(layer, _BatchNorm) and layer.training]


@contextmanager
def running_statistics_kept(model: nn.Module) -> Iterator[None]:
    """Normalise by the batch as ever, but leave the running statistics alone.

    Holds for synchronised batch normalization, too.
    """
    layers = [layer for layer in layers_with_batch_statistics(model)
              if layer.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
