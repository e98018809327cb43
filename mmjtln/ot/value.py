"""The entropic OT value, differentiable: of two predictions, or a label."""
import math
from typing import Any

import torch
from torch import Tensor

from mmjtln.errors import check_choice, refusal

from .checks import Relax, relaxations
from .kernel import KernelCache
from .result import SinkhornResult
from .side import exponent
from .sinkhorn import sinkhorn

# Logarithm of a probability that is zero in any float.
LOG_ZERO = -1e4
# Stands for tau / (tau + reg) where tau is zero.
LEAST_KAPPA = 1e-30


class _KnownGradients(torch.autograd.Function):
    """A value of each sample whose gradients have been computed with it."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: tuple[Tensor | None, ...],
                *logits: Tensor) -> Tensor:
        ctx.save_for_backward(*gradients)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise refusal('The OT value must be differentiated once only',
                          'got a backward pass with create_graph=True',
                          'Leave the OT loss out of what is differentiated '
                          'twice', RuntimeError)
        return None, None, *(
            None if saved is None else gradient[:, None] * saved
            for saved in ctx.saved_tensors)


def _mean_and_gradient(logits: Tensor, p: Tensor, weighted: Tensor
                       ) -> tuple[Tensor, Tensor | None]:
    """Return <p, f> of p * f, (B, 1), and p * (f - <p, f>) if asked for."""
    mean = weighted.sum(1, keepdim=True)
    return mean, (torch.addcmul(weighted, p, mean, value=-1)
                  if logits.requires_grad else None)


def entropic_value(
        source_logits: Tensor, target_logits: Tensor, cost: Tensor,
        reg: float, max_iter: int = 1000, tol: float = 1e-4,
        relax: Relax = None, cache: KernelCache | None = None,
        also: Tensor | None = None) -> tuple[Tensor, SinkhornResult]:
    r"""Entropic OT value of the softmax of two logits, differentiable.

    .. math::
        W = \min_{G 1 = p,\, G^T 1 = q} \langle G, C\rangle - reg\, H(G)
          = \langle p, f\rangle + \langle q, g\rangle - reg

    with f and g the potentials that :func:`~mmjtln.ot.sinkhorn` finds. By
    the envelope theorem (C. Frogner et al., *Learning with a Wasserstein
    Loss*, NeurIPS 2015) they are its gradients for p and q, so those for the
    logits are ``p * (f - <p, f>)`` and ``q * (g - <q, g>)``: all that is kept
    for backward. On a side that ``relax`` gives a weight tau, tau (1 - exp(-f
    / tau)) stands in place of f, and reg is multiplied by the mass of the
    plan. A second derivative is an error.

    Args:
        source_logits (Tensor): shape (B, L_s), float32 or float64; minus
            infinity is a class of zero mass.
        target_logits (Tensor): shape (B, L_t), of the same dtype.
        cost, reg, max_iter, tol, relax, cache, also: As in ``sinkhorn``.

    Returns:
        tuple: The value of each sample, shape (B,), and the
        :class:`SinkhornResult` it was made from.
    """
    tau_source, tau_target = relaxations(relax)
    with torch.no_grad():
        log_p = source_logits.log_softmax(1)
        log_q = target_logits.log_softmax(1)
        result = sinkhorn(log_p, log_q, cost, reg, max_iter, tol, relax,
                          cache, also)
        means, gradients = [], []
        for logits, log, potential, tau in zip(
                (source_logits, target_logits), (log_p, log_q),
                result.potentials(log_p.dtype), (tau_source, tau_target),
                strict=True):
            p = log.exp()
            mean, gradient = _mean_and_gradient(
                logits, p, _weighted(log, p, potential, tau))
            means.append(mean[:, 0])
            gradients.append(gradient)
        mass = 1
        if (tau_source, tau_target) != (math.inf, math.inf):
            mass = result.mass.to(log_p.dtype)
        value = means[0] + means[1] - reg * mass
    return _KnownGradients.apply(
        value, tuple(gradients), source_logits, target_logits), result


def _weighted(log_p: Tensor, p: Tensor, f: Tensor, tau: float) -> Tensor:
    """Return p times the gradient for p, shape (B, L)."""
    if tau == math.inf:
        return p * f
    if tau == 0:
        return torch.zeros_like(f)
    # What a plan has of p is p exp(-f / tau); near it the difference would
    # round, far from it the factor could be infinite where p is zero.
    decay = f / tau
    near = p * torch.expm1(-decay)
    far = (log_p - decay).exp() - p
    return torch.where(decay.abs() < 1, near, far).mul_(-tau)


def label_value(logits: Tensor, labels: Tensor, cost: Tensor, reg: float,
                relax: Relax = None,
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
    :math:`W = -T (m - 1) - reg` with :math:`T = \tau + \sigma + reg`. Value
    and gradient are those of :func:`~mmjtln.ot.entropic_value` for the
    logarithm of the one-hot label. It never reads the device, and a second
    derivative is an error.

    Args:
        logits (Tensor): Of the side that is predicted, shape (B, n), float32
            or float64; minus infinity is a class of zero mass.
        labels (Tensor): Classes of the other side, shape (B,), int64.
        cost, reg, relax: As in ``sinkhorn``.
        label_side (str): The side that the labels are of, ``'source'`` or
            ``'target'``. Defaults to ``'target'``.

    Returns:
        tuple: The value of each sample, shape (B,), differentiable for the
        logits, and <G, C> of its plan, shape (B,), without gradient.

    Raises:
        ValueError: If ``label_side`` is neither, or ``relax`` out of range.
    """
    tau, sigma = relaxations(relax)
    check_choice(label_side, 'label_side', '`label_value`',
                 ('source', 'target'))
    if label_side == 'source':
        tau, sigma = sigma, tau
    else:
        cost = cost.t()
    with torch.no_grad():
        # Not by brackets, in which -1 is the last class.
        cost = cost.to(logits.dtype).index_select(0, labels)
        value, transport, gradient = _label_value(
            logits, cost, reg, tau, sigma)
    return _KnownGradients.apply(value, (gradient, ), logits), transport


def _label_value(logits: Tensor, cost: Tensor, reg: float, tau: float,
                 sigma: float) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return value, <G, C> and gradient, the labels' costs being (B, n)."""
    log_p = logits.log_softmax(1)
    if tau == math.inf:
        log_p = log_p.clamp_(min=LOG_ZERO)
        p = log_p.exp()
        mean, gradient = _mean_and_gradient(
            logits, p, p * torch.add(cost, log_p, alpha=reg))
        return mean[:, 0] - reg, (p * cost).sum(1), gradient
    # With tau = 0, too, no mass is no mass.
    kappa = max(exponent(tau, reg), LEAST_KAPPA)
    scores = torch.sub(cost / -(tau + reg),
                       log_p.clamp(min=LOG_ZERO / kappa), alpha=-kappa)
    log_mass = scores.logsumexp(1)
    plan = scores.softmax(1)
    transport = (plan * cost).sum(1)
    value = -(tau + reg) * log_mass
    if sigma < math.inf:
        total = tau + sigma + reg
        log_mass *= (tau + reg) / total
        value = -total * torch.expm1(log_mass)
        mass = log_mass.exp_()
        transport *= mass
        plan *= mass[:, None]
        tau_p = mass[:, None] * log_p.exp_()
    else:
        tau_p = log_p.exp_()
    return value - reg, transport, tau_p.sub_(plan).mul_(tau)
