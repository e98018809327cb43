"""Co-Tuning: teach the source head what each target class looks like to it."""
from typing import Any

import torch
from torch import Tensor

from mmjtln.errors import require
from mmjtln.models import OTLoss
from mmjtln.registry import MODELS


@MODELS.register_module()
class CoTuningLoss(OTLoss):
    r"""Cross entropy of the source head with the category relationship.

    .. math::
        \mathrm{CE}(p(y_s | y_t), p) = -\sum_i p(i | y_t) \log p_i,
        \qquad p(i | j) = \frac{e^{-C_{ij} / reg}}{\sum_k e^{-C_{kj} / reg}}

    with :math:`p` the source head's prediction on a target image of class
    :math:`y_t`; the gradient goes to that head alone. It takes the place of
    the OT loss: ``model.ot_loss`` with this type,
    ``model.own_marginal='label'``, and the authors' weight
    ``model.lambda_ot=2.3``. A target marginal that is no label mixes the
    columns of its classes.

    Source: K. You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020,
    equation 2. The relationship of the authors' code is
    :class:`~mmjtln.costs.confusion.ConfusionCost` with
    ``double_centre=False, scale=False`` and a ``reg`` of 1; any other cost
    matrix does, too.

    Args:
        reg (float): Positive; how soft the relationship is, in units of the
            cost. Defaults to 1.
        **kwargs: ``cost`` and the class counts as in
            :class:`~mmjtln.models.OTLoss`, whose solver is not needed.
    """

    def __init__(self, reg: float = 1., **kwargs: Any) -> None:
        super().__init__(reg=reg, **kwargs)
        require(self.grad_to == 'source', 'The gradient of Co-Tuning reaches '
                'the source head', f'but grad_to is {self.grad_to!r}',
                'Leave it out of `model.ot_loss`')

    def category_relationship(self) -> Tensor:
        """Return p(source class | target class), shape (L_s, L_t)."""
        self.check_cost()
        return (-self.cost / self.reg).softmax(dim=0)

    def loss_and_log(self, source_logits: Tensor, target_logits: Tensor,
                     also: Tensor | None = None) -> tuple[Tensor, dict]:
        """Compute the loss, and for the log the batch's mean forward KL."""
        source_logits, target_logits = self.marginals(source_logits,
                                                      target_logits)
        log_p = source_logits.float().log_softmax(dim=1)
        relationship = self.category_relationship().t()
        taught = (relationship[target_logits]
                  if target_logits.dtype == torch.int64 else
                  target_logits.detach().float().softmax(dim=1) @ relationship)
        value = -(taught * log_p).sum(dim=1)
        entropy = -torch.special.xlogy(taught, taught).sum(dim=1)
        return value.mean(), dict(
            relation_kl=(value.detach() - entropy).mean())
