"""Run a model over the images of a domain, shared out over the ranks."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_dist_info
from mmengine.logging import print_log
from mmpretrain.structures import DataSample
from torch import nn
from torch.utils.data import DataLoader, Subset

from mmjtln.datasets.class_lists import quote_names

from .domain_images import DomainImages
from .progress import track

# Batches from which on a progress bar is shown.
_LONG = 10


@contextmanager
def evaluating(model: nn.Module) -> Iterator:
    """Put a model into eval mode and every module back into its own."""
    # Not model.train(): a backbone with frozen stages gives itself modes
    # that differ from module to module.
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield model
    finally:
        for module, training in modes.items():
            module.training = training


def run_over_images(model: nn.Module,
                    images: DomainImages,
                    encode: Callable[[torch.Tensor], torch.Tensor],
                    what: str,
                    batch_size: int = 64,
                    num_workers: int = 0) -> torch.Tensor:
    """Encode all images of a domain, in batches.

    Under ``torch.distributed`` each rank takes every world-size-th image and
    all ranks return the same tensor; they must call this function together.
    An error on one rank is raised on all of them. Global random states are
    left alone, so a run does not depend on whether a matrix was built in it.

    Args:
        model (nn.Module): Supplies ``data_preprocessor``; put into eval mode
            meanwhile.
        images (DomainImages): N images.
        encode (Callable): From preprocessed inputs (B, C, H, W) to (B, D).
        what (str): What comes out, for the log and the errors.
        batch_size (int): Images in a forward pass. Defaults to 64.
        num_workers (int): Processes that load images. Defaults to 0, none.

    Returns:
        torch.Tensor: Shape (N, D), float32, on the CPU.

    Raises:
        ValueError: If the model gives NaN or infinity; the message names the
            classes.
        RuntimeError: On all ranks but the one where an error happened.
    """
    rank, world_size = get_dist_info()
    if rank == 0:
        print_log(
            f'Computing the {what} of {len(images)} {images.domain} images',
            logger='current')
    part, error = None, None
    try:
        part = _encode_share(model, images, encode, batch_size, num_workers,
                             range(rank, len(images), world_size))
    except Exception as problem:
        # The others wait in the collective below: tell them first.
        error = problem
    if error is not None and world_size == 1:
        raise error
    shares = all_gather_object((part, error and repr(error)))
    if error is not None:
        raise error
    failed = [share[1] for share in shares if share[1]]
    if failed:
        raise RuntimeError(f'another rank failed: {failed[0]}')
    parts = [share[0] for share in shares if share[0] is not None]
    rows = np.empty((len(images), parts[0].shape[1]), dtype=np.float32)
    for start, (values, _) in enumerate(shares):
        if values is not None:
            rows[start::world_size] = values
    _check_finite(rows, images, what)
    return torch.from_numpy(rows)


def _encode_share(
    model: nn.Module,
    images: DomainImages,
    encode: Callable,
    batch_size: int,
    num_workers: int,
    share: range,
) -> np.ndarray | None:
    if len(share) == 0:
        return None
    loader = DataLoader(
        Subset(images, share),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=_stack,
        # Without its own generator a loader draws from the global one.
        generator=torch.Generator())
    rows = []
    with evaluating(model), torch.no_grad():
        for inputs in track(loader, len(loader), len(loader) >= _LONG):
            # No labels: only the domain may decide how inputs are prepared.
            samples = [
                DataSample(metainfo=dict(domain=images.domain)) for _ in inputs
            ]
            data = model.data_preprocessor(
                dict(inputs=inputs, data_samples=samples), False)
            rows.append(encode(data['inputs']).float().cpu().numpy())
    return np.concatenate(rows)


def _stack(batch: list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
    if len({tuple(image.shape) for image in batch}) == 1:
        return torch.stack(batch)
    return list(batch)


def _check_finite(rows: np.ndarray, images: DomainImages, what: str) -> None:
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        names = [images.classes[k] for k in np.unique(images.labels[bad])]
        raise ValueError(
            f'the {what} of {bad.sum()} of {len(rows)} {images.domain} images '
            f'hold NaN or infinity (classes {quote_names(names)}): the model '
            'diverged, or its checkpoint or normalisation is wrong')
