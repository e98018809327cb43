"""What few images add: a last layer fitted to them, a network tuned on them.

Open ``fit_few`` first.
"""
import time
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmjtln.costs import TextCost
from mmjtln.datasets import ClassList
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import require
from mmjtln.generators import kept_generators, seed_generators
from mmjtln.heads import fit_linear, output_layers, transported
from mmjtln.heads.carriers import mix_by
from mmjtln.heads.linear_fit import Head, weighed
from mmjtln.heads.logits import head_scores, logits_of
from mmjtln.heads.selection import (
    DEFAULT_PENALTY,
    PENALTIES,
    TUNED,
    Estimate,
    Selection,
    estimate,
    fit_selected,
    fold_count,
)
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import (
    extract_features,
    prepared,
    progress,
    stacked,
)

#: Where a fitted head starts from, as tables say it.
NAMES, ZERO = 'names', 'zero'
_STEPS, _BATCH, _RATE = 20, 16, 0.005
# Of a test, what brings images to their size.
_SIZED = ('Resize', 'ResizeEdge', 'CenterCrop')


@dataclass(frozen=True)
class Few:
    """What a few images say of each way to classify them.

    Args:
        paths (list[str]): Of the N images.
        labels (np.ndarray): Class indices, shape (N, ).
        by_names (np.ndarray): What the names alone predict, shape (N, ).
        weights (dict[str, float]): Of each start, by :data:`NAMES` and
            ``'source'``, see :func:`~mmjtln.heads.linear_fit.weighed`.
        selection (Selection, optional): None with one image of a class.
        fitted (tuple[str, float]): Start and penalty of the head written.
        balanced (bool): Whether each class counts the same.
    """

    paths: list[str]
    labels: np.ndarray
    by_names: np.ndarray
    weights: dict[str, float]
    selection: Selection | None
    fitted: tuple[str, float]
    balanced: bool

    @cached_property
    def rows(self) -> list[tuple[str, Estimate]]:
        """list[tuple[str, Estimate]]: Ways to classify, and their accuracy."""
        largest = np.full_like(self.labels, np.bincount(self.labels).argmax())
        found = [(name, estimate([way], self.labels, self.balanced))
                 for name, way in (('always the largest class', largest),
                                   ('the names alone', self.by_names))]
        if self.selection is not None:
            found += [(f'fitted, from {name}', self.selection.accuracy(name))
                      for name in dict(self.selection.predicted.keys())]
            found += [('the one chosen, as written',
                       self.selection.accuracy())]
        return found


def fit_few(model: nn.Module, images: DomainImages, own: DomainImages | None,
            target: ClassList, text: dict, penalty: float | None,
            balanced: bool, tuned_by: list[dict] | None) -> Few:
    """Fit the last layer in place, and say how it does.

    It starts at what it is, by the names, and at a head of the images ``own``
    of a source; ``tuned_by`` is the pipeline to try tuning with, or None.
    """
    layers = output_layers(model.head, model.class_counts[TARGET])
    layer = next(iter(layers.values()))
    features = extract_features(model, images, 'pre_logits').double().numpy()
    require(len(layers) == 1 and layer.bias is not None
            and features.shape[1] == layer.in_features,
            'A head is fitted to images by its one last layer, with a bias',
            f'but {type(model.head).__name__} has {[*layers.values()]}',
            'Leave the images out, or train with HeadInitHook', TypeError)
    begin: Head = (layer.weight.detach().double().numpy(),
                   layer.bias.detach().double().numpy())
    zero: Head = np.zeros_like(begin[0]), np.zeros_like(begin[1])
    heads = {NAMES: begin}
    if own is not None:
        heads[SOURCE] = _carried(model, own, target, text)
    labels = images.labels
    starts = {
        ' and '.join(heads): lambda rows, found: weighed(
            rows, found, *heads.values(), balanced=balanced)[1],
        NAMES: lambda rows, found: weighed(
            rows, found, begin, balanced=balanced)[1],
        ZERO: lambda rows, found: zero}
    tuning = Tuning(
        model, layer, images, tuned_by, balanced) if tuned_by else None
    head, chosen, selection = fit_selected(
        features, labels, starts,
        PENALTIES if penalty is None else (penalty, ), balanced,
        tuning.predict if tuning else None)
    set_head(layer, head)
    if tuning:
        tuning.end(chosen[0].endswith(TUNED))
    return Few(
        images.paths, labels, (features @ begin[0].T + begin[1]).argmax(1),
        dict(zip(heads, map(float, weighed(
            features, labels, *heads.values(), balanced=balanced)[0]),
            strict=True)),
        selection, chosen, balanced)


def _carried(model: nn.Module, own: DomainImages, target: ClassList,
             text: dict) -> Head:
    """Fit a head to the source's images, and carry it over by the names."""
    features = extract_features(model, own, 'pre_logits').double().numpy()
    count = len(own.classes)
    weight, bias = fit_linear(
        features, own.labels, (np.zeros((count, features.shape[1])),
                               np.zeros(count)), DEFAULT_PENALTY)
    known = ClassList(list(own.classes))
    both = target.metainfo['classes'] + known.metainfo['classes']
    builder = TextCost(**text)
    builder.descriptions = {name: words for name, words in
                            builder.descriptions.items() if name in both}
    _, mixing = mix_by(builder, known, target,
                       torch.as_tensor(np.c_[weight, bias]))
    found, moved = transported(
        torch.as_tensor(weight), torch.as_tensor(bias), mixing)
    return found.numpy(), np.asarray(moved)


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
