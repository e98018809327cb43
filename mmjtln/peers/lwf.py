"""LwF: keep what the source head said before."""
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor

from mmjtln.domains import SOURCE, TARGET, split
from mmjtln.errors import check_real, require
from mmjtln.heads.logits import logits_of
from mmjtln.models import JTLNClassifier
from mmjtln.models.losses import check_losses
from mmjtln.registry import MODELS

#: T, as in the Transfer Learning Library.
TEMPERATURE = 3.


def distillation(logits: Tensor, recorded: Tensor) -> Tensor:
    """Return the mean of KL(softmax(recorded / T) || softmax(logits / T))."""
    return F.kl_div(
        (logits / TEMPERATURE).log_softmax(dim=1),
        (recorded / TEMPERATURE).log_softmax(dim=1),
        reduction='batchmean', log_target=True)


@MODELS.register_module()
class LwFClassifier(JTLNClassifier):
    r"""Two heads; the source head learns what it said before: LwF.

    .. math::
        \overline{CE}(y^t, f_t(F(x^t))) + \lambda \overline{\mathrm{KL}}(
        \mathrm{softmax}(z_0(x^t) / T) \,\|\, \mathrm{softmax}(z(x^t) / T))

    with :math:`z` the source head's output on a target image and :math:`z_0`
    that of the network as it was before the first step, on the same, equally
    augmented image: a copy gives it (``teacher.*`` in checkpoints). Source
    images in a batch are left out.

    Source: Z. Li and D. Hoiem, "Learning without Forgetting", ECCV 2016; T = 3
    and no factor :math:`T^2`: the Transfer Learning Library.

    Args:
        *args: As in :class:`~mmjtln.models.JTLNClassifier`.
        weight (float): :math:`\lambda`, not negative. Defaults to 4.
        **kwargs: As in :class:`~mmjtln.models.JTLNClassifier`, but
            ``ot_loss`` is None.
    """

    def __init__(self, *args: Any, weight: float = 4., **kwargs: Any) -> None:
        loss = kwargs.setdefault('ot_loss', None)
        require(loss is None, 'LwF has no OT loss',
                f'but `model.ot_loss` is {loss!r}', 'Set it to None')
        super().__init__(*args, **kwargs)
        check_real(weight, 'weight', 'LwFClassifier')
        self.weight = weight
        self.teacher = ImageClassifier(*map(deepcopy, (
            self.backbone, self.neck, self.source_head)))
        self.teacher.requires_grad_(False)
        self.register_buffer('recorded', torch.tensor(False))

    @property
    def trains_source_head(self) -> bool:
        """bool: True, whatever ``lambda_s`` is."""
        return True

    def train(self, mode: bool = True) -> 'LwFClassifier':
        """Set the mode; the copy of the start stays in evaluation."""
        super().train(mode)
        if hasattr(self, 'teacher'):
            self.teacher.eval()
        return self

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict:
        """Compute ``target_loss`` and ``lwf_loss`` of the target images."""
        if not self.recorded:
            self._record()
        rows = split(data_samples)[TARGET]
        inputs = inputs[rows]
        data_samples = [data_samples[row] for row in rows]
        scores = self._scores(self.extract_feat(inputs))
        with torch.no_grad():
            before = self.teacher.head(self.teacher.extract_feat(inputs))
        losses = {
            f'{TARGET}_{key}': value for key, value in self.head._get_loss(
                scores[TARGET], data_samples).items()}
        losses['lwf_loss'] = self.weight * distillation(
            logits_of(scores[SOURCE]), logits_of(before))
        check_losses(losses, inputs, scores, data_samples)
        return losses

    def _record(self) -> None:
        """Copy the network before the first step."""
        teacher = self.teacher
        for copy, own in ((teacher.backbone, self.backbone),
                          (teacher.neck, self.neck),
                          (teacher.head, self.source_head)):
            if own is not None:
                copy.load_state_dict(own.state_dict())
        self.recorded.fill_(True)
