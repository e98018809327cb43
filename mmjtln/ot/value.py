"""The entropic OT value of two predictions, and its gradient."""
import math

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from .result import SinkhornResult
from .side import relaxations
from .sinkhorn import sinkhorn


class _KnownGradients(torch.autograd.Function):
    """A value of each sample whose gradients have been computed with it."""

    @staticmethod
    def forward(ctx: FunctionCtx, source_logits: Tensor,
                target_logits: Tensor, value: Tensor, source_gradient: Tensor,
                target_gradient: Tensor) -> Tensor:
        """Keep the gradients that will be asked for."""
        ctx.save_for_backward(
            source_gradient if ctx.needs_input_grad[0] else None,
            target_gradient if ctx.needs_input_grad[1] else None)
        return value

    @staticmethod
    def backward(ctx: FunctionCtx,
                 gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Scale each sample's gradients."""
        if torch.is_grad_enabled():
            raise RuntimeError(
                'the OT value must be differentiated once only, got a '
                'backward pass with create_graph=True: the derivatives of '
                'its potentials are not known; leave the OT loss out of '
                'what is differentiated twice')
        return *(None if saved is None else gradient[:, None] * saved
                 for saved in ctx.saved_tensors), None, None, None


def entropic_value(
        source_logits: Tensor,
        target_logits: Tensor,
        cost: Tensor,
        reg: float,
        max_iter: int = 1000,
        tol: float = 1e-4,
        relax: float | dict | None = None) -> tuple[Tensor, SinkhornResult]:
    r"""Entropic OT value of the softmax of two logits, differentiable.

    .. math::
        W = \min_{G 1 = p,\, G^T 1 = q} \langle G, C\rangle - reg\, H(G)
          = \langle p, f\rangle + \langle q, g\rangle - reg

    with f and g the potentials that :func:`~mmjtln.ot.sinkhorn` finds. By
    the envelope theorem (C. Frogner et al., *Learning with a Wasserstein
    Loss*, NeurIPS 2015) they are its gradients for p and q. On a side that
    ``relax`` gives a weight tau, tau (1 - exp(-f / tau)) stands in place of
    f, and reg is multiplied by the mass of the plan. The gradients for the
    logits are ``p * (f - <p, f>)`` and ``q * (g - <q, g>)``. All that is
    kept for backward is one such array for each side that asks for it. A
    second derivative is an error.

    Args:
        source_logits (Tensor): shape (B, L_s), float32 or float64; minus
            infinity is a class of zero mass.
        target_logits (Tensor): shape (B, L_t), of the same dtype.
        cost (Tensor): shape (L_s, L_t), as in ``sinkhorn``.
        reg (float): As in ``sinkhorn``.
        max_iter (int): As in ``sinkhorn``. Defaults to 1000.
        tol (float): As in ``sinkhorn``. Defaults to 1e-4.
        relax (float | dict, optional): As in ``sinkhorn``. Defaults to None.

    Returns:
        tuple: The value of each sample, shape (B,), and the
        :class:`SinkhornResult` it was made from.
    """
    tau_source, tau_target = relaxations(relax)
    with torch.no_grad():
        log_p = source_logits.log_softmax(1)
        log_q = target_logits.log_softmax(1)
        result = sinkhorn(log_p, log_q, cost, reg, max_iter, tol, relax)
        source = _weighted(log_p, result.f.to(log_p.dtype), tau_source)
        target = _weighted(log_q, result.g.to(log_q.dtype), tau_target)
        source_mean = source.sum(1, keepdim=True)
        target_mean = target.sum(1, keepdim=True)
        value = (source_mean + target_mean)[:, 0] - reg * result.mass
        source_gradient = source.addcmul_(log_p.exp_(), source_mean, value=-1)
        target_gradient = target.addcmul_(log_q.exp_(), target_mean, value=-1)
    value = _KnownGradients.apply(
        source_logits, target_logits, value.to(source_logits.dtype),
        source_gradient, target_gradient)
    return value, result


def _weighted(log_p: Tensor, f: Tensor, tau: float) -> Tensor:
    """Return p times the gradient for p, shape (B, L), new memory."""
    if tau == math.inf:
        return log_p.exp().mul_(f)
    if tau == 0:
        return torch.zeros_like(f)
    # What a plan has of p is p exp(-f / tau); near it the difference would
    # round, far from it the factor could be infinite where p is zero.
    decay = f / tau
    near = log_p.exp() * torch.expm1(-decay.clamp(-1, 1))
    far = (log_p - decay).exp() - log_p.exp()
    return torch.where(decay.abs() < 1, near, far).mul_(-tau)
