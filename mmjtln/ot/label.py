"""The entropic OT value where one marginal is a label: a closed form."""
import math

import torch
from torch import Tensor

from .side import exponent, relaxations

# Logarithm of a probability that is zero in any float.
LOG_ZERO = -1e4


def label_value(logits: Tensor,
                labels: Tensor,
                cost: Tensor,
                reg: float,
                relax: float | dict | None = None,
                label_side: str = 'target') -> tuple[Tensor, Tensor]:
    r"""Entropic OT value of a softmax and a label, without a solver.

    With all of a marginal's mass on one class y the plan has one column
    (or row) that is not zero. Under hard constraints it is p itself, so

    .. math::
        W = \langle p, C_y\rangle - reg\, H(p)
          = reg\, KL(p \,\|\, softmax(-C_y / reg)) + const,

    H with its -1. With the predicted side relaxed by a weight tau it is the
    softmax of :math:`(\tau \log p - C_y) / (\tau + reg)`, and

    .. math::
        W = -(\tau + reg) \log \sum_i p_i^{\tau/(\tau + reg)}
            e^{-C_{iy}/(\tau + reg)} - reg,

    and with the label's side relaxed by a weight sigma besides, that plan
    times a mass m, :math:`\log m = (\tau + reg) \log(\sum ...) / T`, and
    :math:`W = -T (m - 1) - reg` with :math:`T = \tau + \sigma + reg`. All
    follow from setting the derivative for the column to zero. It is the
    same value, with the same gradient, as
    :func:`~mmjtln.ot.entropic_value` finds for the logarithm of the one-hot
    label. It never reads the device.

    Args:
        logits (Tensor): Of the side that is predicted, shape (B, n), float32
            or float64; minus infinity is a class of zero mass.
        labels (Tensor): Classes of the other side, shape (B,), int64.
        cost (Tensor): shape (L_s, L_t), as in ``sinkhorn``.
        reg (float): As in ``sinkhorn``.
        relax (float | dict, optional): As in ``sinkhorn``. Defaults to None.
        label_side (str): The side that the labels are of, ``'source'`` or
            ``'target'``. Defaults to ``'target'``.

    Returns:
        tuple: The value of each sample, shape (B,), differentiable for the
        logits, and <G, C> of its plan, shape (B,), without gradient.
    """
    tau, sigma = relaxations(relax)
    if label_side == 'source':
        tau, sigma = sigma, tau
    else:
        cost = cost.t()
    cost = cost.to(logits.dtype)[labels]
    log_p = logits.log_softmax(1)
    if tau == math.inf:
        log_p = log_p.clamp(min=LOG_ZERO)
        p = log_p.exp()
        value = (p * (cost + reg * log_p)).sum(1) - reg
        return value, (p * cost).sum(1).detach()
    kappa = exponent(tau, reg)
    # Masked, as zero times infinity is NaN.
    scores = (kappa * log_p - cost / (tau + reg)).masked_fill(
        log_p == -torch.inf, -torch.inf)
    log_sum = scores.logsumexp(1)
    with torch.no_grad():
        column_cost = (scores.softmax(1) * cost).sum(1)
    if sigma == math.inf:
        return -(tau + reg) * log_sum - reg, column_cost
    total = tau + sigma + reg
    log_mass = log_sum * ((tau + reg) / total)
    return (-total * torch.expm1(log_mass) - reg,
            column_cost * log_mass.detach().exp())
