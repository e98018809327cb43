"""All of a network is tuned on few images, from a head fitted to them."""
import time
from collections.abc import Iterable, Sequence
from copy import deepcopy

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmjtln.domains import TARGET
from mmjtln.generators import kept_generators, seed_generators
from mmjtln.heads.linear_fit import Head
from mmjtln.heads.logits import head_scores, logits_of
from mmjtln.heads.selection import fold_count
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import prepared, progress, stacked

_STEPS, _BATCH, _RATE = 20, 16, 0.005
# Of a test, what brings images to their size.
_SIZED = ('Resize', 'ResizeEdge', 'CenterCrop')


class Tuning:
    """Tunes a network, in place, on few images, from a head fitted to them.

    20 steps of 16 images, cut and flipped, by SGD with momentum 0.9; the rate
    falls from 0.005 to 0 by a cosine, gradients are clipped at 5, and batch
    normalization is as in evaluation. That is the second half of LP-FT, see
    :class:`~mmjtln.peers.LPFTHook`: validation chose the rate 0.01 for it in
    ``configs/compare/*_tuned.py``, of which half is left by then.
    """

    def __init__(self, model: nn.Module, layer: nn.Linear,
                 images: DomainImages, pipeline: Sequence[dict],
                 balanced: bool) -> None:
        self.model, self.layer, self.images = model, layer, images
        self._varied = DomainImages(
            images.dataset, TARGET, _varied(pipeline, images[0].shape[1:]))
        counts = torch.tensor(np.bincount(images.labels)).float()
        self._weights = 1 / counts if balanced else torch.ones_like(counts)
        begin, begun = deepcopy(model.state_dict()), time.monotonic()
        self._tune(np.arange(len(images)), range(2))
        steps = _STEPS * (folds := fold_count(images.labels))
        minutes = (time.monotonic() - begun) / 2 * (steps + _STEPS) / 60
        model.load_state_dict(begin)
        print_log(f'Tuning takes about {minutes:.0f} minutes: {_STEPS} steps '
                  f'for each of {folds} parts held out and, if that is best, '
                  'for all', logger='current')
        self._ticks = progress(range(steps), steps)

    @torch.no_grad()
    def predict(self, held: np.ndarray, head: Head) -> np.ndarray:
        """Tune without images, mask (N, ), and predict them; then undo it."""
        begin = deepcopy(self.model.state_dict())
        set_head(self.layer, head)
        self._tune(np.flatnonzero(~held), self._ticks)
        rows = np.flatnonzero(held)
        found = [self._scores(self.images, rows[i:i + _BATCH]).argmax(1)
                 for i in range(0, len(rows), _BATCH)]
        self.model.load_state_dict(begin)
        return torch.cat(found).numpy()

    def end(self, chosen: bool) -> None:
        """Tune on all images from the head that is set, if that is chosen."""
        next(self._ticks, None)  # So that the bar ends.
        if chosen:
            self._tune(np.arange(len(self.images)),
                       progress(range(_STEPS), _STEPS))

    @torch.enable_grad()
    def _tune(self, rows: np.ndarray, ticks: Iterable[int]) -> None:
        """Tune on some of the images, as many steps as there are ticks."""
        # 1.4 times as fast with EfficientNet-Lite0 on a CPU.
        model = self.model.to(memory_format=torch.channels_last)
        parameters = [
            parameter for name, parameter in model.named_parameters()
            if parameter.requires_grad and not name.startswith('source_head')]
        optimizer = torch.optim.SGD(parameters, _RATE, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, _STEPS)
        with kept_generators():
            seed_generators(0)
            order = np.concatenate([
                np.random.permutation(rows)
                for _ in range(-(-_STEPS * _BATCH // len(rows)))])
            for step, _ in zip(range(_STEPS), ticks, strict=False):
                batch = order[step * _BATCH:(step + 1) * _BATCH]
                optimizer.zero_grad()
                nn.functional.cross_entropy(
                    self._scores(self._varied, batch), torch.as_tensor(
                        self.images.labels[batch]), self._weights).backward()
                nn.utils.clip_grad_norm_(parameters, 5.)
                optimizer.step()
                scheduler.step()
        model.to(memory_format=torch.contiguous_format)

    def _scores(self, images: DomainImages, rows: np.ndarray) -> Tensor:
        inputs = prepared(self.model, stacked([images[i] for i in rows]),
                          TARGET).to(memory_format=torch.channels_last)
        return logits_of(head_scores(
            self.model.head, self.model.extract_feat(inputs)))


def set_head(layer: nn.Linear, head: Head) -> None:
    """Put a fitted head into a layer."""
    layer.load_state_dict(dict(zip(
        ('weight', 'bias'), map(torch.as_tensor, head), strict=True)))


def _varied(pipeline: Sequence[dict], size: Sequence[int]) -> list[dict]:
    """Cut and flip at random where a test brings images to their size."""
    steps = {str(step['type']).rpartition('.')[2]: step for step in pipeline}
    resize: dict = steps.get('ResizeEdge') or steps.get('Resize') or {}
    load, *rest = (step for name, step in steps.items() if name not in _SIZED)
    return [load, dict(
        type='RandomResizedCrop', scale=tuple(size[::-1]),
        crop_ratio_range=(0.5, 1.), **{
            key: resize[key] for key in ('backend', 'interpolation')
            if key in resize}), dict(type='RandomFlip', prob=0.5), *rest]
