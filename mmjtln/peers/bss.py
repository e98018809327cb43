"""Batch spectral shrinkage: do without the features that transfer worst."""
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor

from mmjtln.errors import check_real
from mmjtln.heads.last_layer import last_linear
from mmjtln.registry import MODELS


def batch_spectral_shrinkage(features: Tensor) -> Tensor:
    """Return the smallest squared singular value of (B, D), a scalar."""
    if features.dtype in (torch.float16, torch.bfloat16):
        features = features.float()
    return torch.linalg.svdvals(features)[-1].square()


@MODELS.register_module()
class BSSClassifier(ImageClassifier):
    r"""A stock classifier with batch spectral shrinkage.

    .. math::
        \overline{CE}(y, f(F(x))) + \eta\, \sigma_{-1}(F)^2

    F are the features of a process's batch before the last linear layer,
    shape (B, D), and :math:`\sigma_{-1}` their smallest singular value (the
    B-th where D > B), the authors' k of 1. Checkpoints are those of an
    ``ImageClassifier``.

    Source: X. Chen et al., "Catastrophic Forgetting Meets Negative Transfer:
    Batch Spectral Shrinkage for Safe Transfer Learning", NeurIPS 2019,
    equations 5 and 6; defaults: the authors' code.

    Args:
        *args: As in ``ImageClassifier``.
        eta (float): Weight of the term, not negative. Defaults to 1e-3.
        **kwargs: As in ``ImageClassifier``.

    Raises:
        TypeError: If the classifier ends in no linear layer.
    """

    def __init__(self, *args: Any, eta: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_real(eta, 'eta', 'BSSClassifier')
        self.eta = eta
        self._classifier = last_linear(self)

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict:
        """Compute the head's losses and ``bss_loss`` of B images."""
        features = []
        # Whatever head and backbone are: what the last layer is given.
        classifier = self.get_submodule(self._classifier)
        handle = classifier.register_forward_pre_hook(
            lambda _, given: features.append(given[0]))
        try:
            losses = super().loss(inputs, data_samples)
        finally:
            handle.remove()
        losses['bss_loss'] = self.eta * batch_spectral_shrinkage(
            features[-1].flatten(1))
        return losses
