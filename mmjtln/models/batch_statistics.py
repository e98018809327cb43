"""Batch normalization when a batch holds images of two domains."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.heads.logits import Scores, join_rows


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


def domain_scores(model: nn.Module, scores_of: Callable[[Tensor], dict],
                  inputs: Tensor, rows: dict[str, Tensor],
                  apart: bool) -> dict[str, Scores]:
    """Return each head's output on all images of a mixed batch.

    With the images of each domain on their own, a pass each, the running
    statistics are those of the target alone (AdaBN and domain-specific batch
    normalization, arXiv:1603.04779 and 1906.03950, with shared scales and
    shifts); source images are then predicted with the target's statistics,
    too. A domain with one image in a batch, as a small last batch can have,
    is normalised with the other, and no statistics are kept of it. Layers run
    again in the backward pass (``with_cp``) update their running statistics
    with both domains there: the option is not for them. Without layers that
    look at the batch, it is one pass.

    Args:
        model (nn.Module): What holds the layers.
        scores_of (Callable): From images to the outputs of the heads on them.
        inputs (Tensor): Images of both domains, shape (N, C, H, W).
        rows (dict[str, Tensor]): Where those of each domain stand.
        apart (bool): Whether each domain is normalised on its own.

    Returns:
        dict[str, Tensor | tuple]: N rows for the head of each domain.
    """
    if (not apart or not len(rows[SOURCE])
            or not layers_with_batch_statistics(model)):
        return scores_of(inputs)
    if min(map(len, rows.values())) == 1:
        # One image has no statistics; only a small last batch has one.
        with running_statistics_kept(model):
            return scores_of(inputs)
    target = scores_of(inputs[rows[TARGET]])
    with running_statistics_kept(model):
        source = scores_of(inputs[rows[SOURCE]])
    order = torch.cat([rows[TARGET], rows[SOURCE]]).argsort()
    return {domain: join_rows(target[domain], source[domain], order)
            for domain in DOMAINS}
