"""What the terms of a loss share: weights over the run, and a check."""
from typing import Any

import torch
from mmengine.dist import get_dist_info
from mmengine.logging import MessageHub
from mmpretrain.structures import DataSample
from torch import Tensor

from mmjtln.domains import split
from mmjtln.errors import check_real, refusal


class LossWeight:
    """A loss weight that is constant, or 0 in the first part of the run.

    The progress is the runner's. A run that is resumed with another length
    keeps what it has begun: ``begin`` stays a share of the length that it was
    first given, or of the new one if that is shorter. Without a run, in a
    notebook say, the weight is ``value``. Errors call it ``name``.

    Args:
        value (float): The weight, >= 0.
        begin (float): Share of the run in which the weight is 0, in [0, 1].
            Defaults to 0.
    """

    def __init__(self, value: float, begin: float = 0.,
                 name: str = 'weight') -> None:
        check_real(value, 'value', f'`model.{name}`')
        check_real(begin, 'begin', f'`model.{name}`', high=1, with_high=True)
        self.value = value
        self.begin = begin

    @classmethod
    def from_cfg(cls, cfg: float | dict, name: str) -> 'LossWeight':
        """Build from a number (a constant) or a dict of the arguments."""
        return cls(**cfg, name=name) if isinstance(cfg, dict) else cls(
            cfg, name=name)

    def __call__(self) -> float:
        """Return the weight at the current iteration of the current run."""
        planned = _planned_iters()
        done = MessageHub.get_current_instance().get_info('iter', 0)
        return 0. if planned and done / planned < self.begin else self.value

    def first_iter(self) -> int:
        """Return the iteration of the current run from which it has begun."""
        planned = _planned_iters()
        first = max(int(self.begin * planned) - 1, 0)
        while first / planned < self.begin:  # As a call compares.
            first += 1
        return first


def _planned_iters() -> int:
    """Return the iterations of the run as first planned, or now if fewer."""
    # The message hub travels in checkpoints.
    hub = MessageHub.get_current_instance()
    length = hub.get_info('max_iters', 0)
    if length and hub.get_info('planned_iters') is None:
        hub.update_info('planned_iters', length)
    return min(hub.get_info('planned_iters', 0), length)


def loss_terms(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the scalars that training sums: those named a loss."""
    return {name: value.detach().mean() for name, value in losses.items()
            if 'loss' in name}


def check_losses(losses: dict[str, Tensor], inputs: Tensor,
                 scores: dict[str, Tensor | tuple],
                 data_samples: list[DataSample],
                 known_finite: bool = False) -> None:
    """Refuse (FloatingPointError) losses that are not finite; say where from.

    To be called before backward, so that no rank takes the step and no
    checkpoint is written of it. It waits for the device once, unless the wait
    for the OT solver has told that all is well (``known_finite``). ``scores``
    is each head's output, a tensor or several, on the N images.
    """
    if known_finite:
        return
    terms = loss_terms(losses)
    total: Any = sum(terms.values())
    if total.isfinite():
        return
    # From here on the run is over and time does not matter.
    bad = [name for name, value in terms.items() if not value.isfinite()]
    values = ', '.join(
        f'{name} is {value.item():.4g}' for name, value in terms.items())
    raise refusal(
        'Every loss must be finite', f'but {" and ".join(bad) or "their sum"} '
        f'{"are" if len(bad) > 1 else "is"} not{_place()}: {values}. '
        f'{_origin(inputs, scores, data_samples)}'
        f'The batch: {_images(data_samples)}', 'If these images and their '
        'labels are sound, the network has diverged: lower the learning rate '
        'or clip gradients (`optim_wrapper`), in fp16 use bfloat16, and '
        'continue from the last checkpoint, which is from before this step, '
        'with --resume', FloatingPointError)


def _place() -> str:
    """Say which iteration of the current run this is, if there is one."""
    hub = MessageHub.get_current_instance()
    rank, world_size = get_dist_info()
    counts = [f'{word} {hub.get_info(key) + 1}' for key, word in
              (('iter', 'at iteration'), ('epoch', 'of epoch'))
              if hub.get_info(key) is not None]
    return ' '.join(['', *counts] + [f'on rank {rank}'] * (world_size > 1))


def _origin(inputs: Tensor, scores: dict, data_samples: list) -> str:
    """Name the images with which alone something is wrong."""
    outputs = [part for output in scores.values() for part in
               ([output] if isinstance(output, Tensor) else output)]
    for what, tensors in (('pixels', [inputs]),
                          ('outputs of the heads', outputs)):
        finite = torch.stack([
            tensor.detach().flatten(1).isfinite().all(dim=1).cpu()
            for tensor in tensors]).all(dim=0).tolist()
        if not all(finite):
            bad = [sample for sample, good in zip(data_samples, finite,
                                                  strict=True) if not good]
            where = _images(bad) if any(finite) else 'any image'
            return f'The {what} are not finite on {where}. '
    return ''


def _images(data_samples: list) -> str:
    """List samples by domain and path, or index."""
    parts = []
    for domain, rows in split(data_samples).items():
        names = [str(data_samples[row].get('img_path') or
                     f'number {data_samples[row].get("sample_idx", "unknown")}'
                     ) for row in rows]
        if names:
            parts.append(f'{len(names)} {domain} images: {", ".join(names)}')
    return '; '.join(parts)
