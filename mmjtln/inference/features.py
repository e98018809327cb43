"""Which network looks at images, and what it makes of those of a domain."""
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from mmengine.device import get_device
from mmengine.dist import broadcast_object_list, get_dist_info
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import DefaultScope
from mmengine.utils import track_iter_progress
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmjtln.checkpoints.weights import load_file
from mmjtln.datasets.class_lists import quote_names
from mmjtln.errors import require

from .domain_images import DomainImages

T = TypeVar('T')
STAGES = ('backbone', 'neck', 'pre_logits')
#: Seconds between lines of progress, where there is no terminal.
_SECONDS = 10.


def image_model(config: dict | str | None, checkpoint: str | None,
                parts: Callable[[nn.Module], Sequence[str]],
                current: nn.Module | None) -> nn.Module:
    """Return a cost builder's network: of its config, or the current one."""
    if current is not None and is_model_wrapper(current):
        current = current.module
    require(config is not None or checkpoint is None,
            'The checkpoint of a cost builder needs its model config',
            f'but there is only `checkpoint={checkpoint!r}`',
            'Set `model` to a config or its file')
    model: Any = current if config is None else _build(config)
    require(hasattr(model, 'extract_feat'), 'A cost builder that looks at '
            'images needs a network, a classifier of MMPretrain', 'but there '
            'is none' if model is None else f'but {type(model).__name__} has '
            'no extract_feat', 'Pass the model being trained, or set `model` '
            'and `checkpoint`')
    if config is None:
        return model
    if checkpoint is not None:
        load_file(model, checkpoint, parts(model))
    return model.to(get_device() if current is None else
                    next(current.parameters()).device)


def _build(config: dict | str) -> nn.Module:
    if isinstance(config, str):
        from mmpretrain import get_model
        return get_model(config, pretrained=False, device='cpu')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode and every module back into its own."""
    # Not model.train(): modes differ in a backbone with frozen stages.
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def progress(tasks: Iterable[T], total: int) -> Iterator[T]:
    """Go through tasks with a bar and the time left, or with lines of both."""
    begun = told = time.monotonic()
    if sys.stdout.isatty():
        yield from track_iter_progress((tasks, total))
        return
    # A file would keep every state of a bar.
    for done, task in enumerate(tasks, 1):
        yield task
        now = time.monotonic()
        if now - told >= _SECONDS and done < total:
            told, left = now, (now - begun) / done * (total - done)
            print(f'{done} of {total}, {left:.0f} s left', flush=True)


def run_over_images(model: nn.Module, images: DomainImages,
                    encode: Callable[[Tensor], Tensor], what: str,
                    batch_size: int = 64, num_workers: int = 0) -> Tensor:
    """Encode the N images of a domain by ``encode``: (N, D), float32."""
    print_log(f'Computing the {what} of {len(images)} {images.domain} images',
              logger='current')
    # Without its own generator a loader draws from the global one.
    loader = DataLoader(images, batch_size, num_workers=num_workers,
                        collate_fn=stacked, generator=torch.Generator())
    parts = []
    with evaluating(model), torch.no_grad():
        for inputs in progress(loader, len(loader)):
            parts.append(encode(prepared(
                model, inputs, images.domain)).float().cpu())
    rows = torch.cat(parts)
    bad = ~rows.isfinite().all(dim=1).numpy()
    names = [images.classes[k] for k in sorted({*images.labels[bad]})]
    require(not names, f'The {what} must be finite', 'but those of '
            f'{bad.sum()} of {len(rows)} {images.domain} images are not '
            f'(classes {quote_names(names)})', 'Correct the checkpoint or the '
            'normalisation, or lower the learning rate')
    return rows


def prepared(model: nn.Module, inputs: Tensor | list[Tensor],
             domain: str) -> Tensor:
    """Send a batch of a domain through the preprocessor, as for a test."""
    # No labels: only the domain may decide how inputs are prepared.
    samples = [DataSample(metainfo=dict(domain=domain)) for _ in inputs]
    images: Tensor = model.data_preprocessor(
        dict(inputs=inputs, data_samples=samples), False)['inputs']
    return images


def stacked(batch: list[Tensor]) -> Tensor | list[Tensor]:
    """Make one tensor of images, if they are of one size."""
    if len({tuple(image.shape) for image in batch}) == 1:
        return torch.stack(batch)
    return batch


def extract_features(model: nn.Module, images: DomainImages,
                     stage: str = 'neck', batch_size: int = 64,
                     num_workers: int = 0) -> Tensor:
    """Compute the features of N images, (N, D), at one of :data:`STAGES`."""
    return run_over_images(
        model, images,
        lambda inputs: pool(model.extract_feat(inputs, stage=stage), stage),
        f'{stage} features', batch_size, num_workers)


def pool(outputs: Tensor | Sequence, stage: str) -> Tensor:
    """Make one feature vector an image, (B, D), of what a stage returns.

    The last stage counts. Several tensors are concatenated; maps (B, C, H, W)
    are averaged over their places and token sequences (B, T, C) over tokens.
    """
    if stage != 'pre_logits' and isinstance(outputs, tuple | list):
        outputs = outputs[-1]
    if not isinstance(outputs, tuple | list):
        outputs = [outputs]
    return torch.cat([_pool(tensor) for tensor in outputs], dim=1)


def _pool(tensor: Tensor) -> Tensor:
    places = {2: (), 3: (1, ), 4: (2, 3)}
    require(tensor.ndim in places, 'Features must have shape (B, D), (B, T, '
            'D) or (B, D, H, W)', f'got {tuple(tensor.shape)}',
            'Choose another stage')
    return tensor.mean(dim=places[tensor.ndim]) if tensor.ndim > 2 else tensor


def on_first_rank(function: Callable[[], T]) -> T:
    """Call a function on rank 0 and give what it returns, pickled, to all."""
    rank, world_size = get_dist_info()
    if world_size == 1:
        return function()
    found: Any = None
    error: Exception | None = None
    if rank == 0:
        try:
            found = function()
        except Exception as problem:
            # The others wait in the collective below: tell them first.
            error = problem
    message = [(found, error and repr(error))]
    broadcast_object_list(message)
    found, failed = message[0]
    if failed:
        raise error or RuntimeError(f'rank 0 failed: {failed}')
    return found
