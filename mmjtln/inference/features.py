"""Features of images at a named stage of a classifier."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .domain_images import DomainImages
from .over_images import run_over_images

STAGES = ('backbone', 'neck', 'pre_logits')


def pool(outputs: Tensor | Sequence, stage: str) -> torch.Tensor:
    """Make one feature vector per image of what a stage returns.

    The backbone and the neck return a tuple of stages: the last one counts.
    Within a stage, several tensors (the class and distillation tokens of
    DeiT, the two branches of Conformer) are concatenated; maps (B, C, H, W)
    are averaged over their places and token sequences (B, T, C) over tokens.

    Args:
        outputs (Tensor | tuple | list): Result of ``extract_feat``.
        stage (str): The stage it was taken at.

    Returns:
        Tensor: Shape (B, D).
    """
    if stage != 'pre_logits' and isinstance(outputs, tuple | list):
        outputs = outputs[-1]
    if not isinstance(outputs, tuple | list):
        outputs = [outputs]
    return torch.cat([_pool(tensor) for tensor in outputs], dim=1)


def _pool(tensor: Tensor) -> Tensor:
    if tensor.ndim == 2:
        return tensor
    if tensor.ndim == 3:
        return tensor.mean(dim=1)
    if tensor.ndim == 4:
        return tensor.mean(dim=(2, 3))
    raise ValueError('features must have shape (B, D), (B, T, D) or '
                     f'(B, D, H, W), got {tuple(tensor.shape)}: choose '
                     'another stage')


def extract_features(model: nn.Module,
                     images: DomainImages,
                     stage: str = 'neck',
                     batch_size: int = 64,
                     num_workers: int = 0) -> torch.Tensor:
    """Compute the features of the images of a domain.

    Args:
        model (nn.Module): An ``ImageClassifier``.
        images (DomainImages): N images; their labels are ``images.labels``.
        stage (str): ``'backbone'``, ``'neck'`` or ``'pre_logits'``.
            Defaults to ``'neck'``.
        batch_size (int): Images in a forward pass. Defaults to 64.
        num_workers (int): Processes that load images. Defaults to 0.

    Returns:
        torch.Tensor: Shape (N, D), float32, on the CPU, the same on all
        ranks. See :func:`~mmjtln.inference.over_images.run_over_images` for
        how the work is shared out and how it fails.
    """

    def encode(inputs: Tensor) -> Tensor:
        return pool(model.extract_feat(inputs, stage=stage), stage)

    return run_over_images(model, images, encode, f'{stage} features',
                           batch_size, num_workers)
