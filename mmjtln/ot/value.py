"""The entropic OT value of two predictions, and its gradient."""
import torch

from .sinkhorn import sinkhorn


class _KnownGradients(torch.autograd.Function):
    """A value of each sample whose gradients have been computed with it."""

    @staticmethod
    def forward(ctx, source_logits, target_logits, value, source_gradient,
                target_gradient):
        """Keep the gradients that will be asked for."""
        ctx.save_for_backward(
            source_gradient if ctx.needs_input_grad[0] else None,
            target_gradient if ctx.needs_input_grad[1] else None)
        return value

    @staticmethod
    def backward(ctx, gradient):
        """Scale each sample's gradients."""
        if torch.is_grad_enabled():
            raise RuntimeError(
                'the OT value must be differentiated once only, got a '
                'backward pass with create_graph=True: the derivatives of '
                'its potentials are not known; leave the OT loss out of '
                'what is differentiated twice')
        return *(None if saved is None else gradient[:, None] * saved
                 for saved in ctx.saved_tensors), None, None, None


def entropic_value(source_logits, target_logits, cost, reg, max_iter=1000,
                   tol=1e-4):
    r"""Entropic OT value of the softmax of two logits, differentiable.

    .. math::
        W = \min_{G 1 = p,\, G^T 1 = q} \langle G, C\rangle - reg\, H(G)
          = \langle p, f\rangle + \langle q, g\rangle - reg

    with f and g the potentials that :func:`~mmjtln.ot.sinkhorn` finds. By
    the envelope theorem (C. Frogner et al., *Learning with a Wasserstein
    Loss*, NeurIPS 2015) they are its gradients for p and q, so those for
    the logits are ``p * (f - <p, f>)`` and ``q * (g - <q, g>)``. All that is
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

    Returns:
        tuple: The value of each sample, shape (B,), and the
        :class:`SinkhornResult` it was made from.
    """
    with torch.no_grad():
        log_p = source_logits.log_softmax(1)
        log_q = target_logits.log_softmax(1)
        result = sinkhorn(log_p, log_q, cost, reg, max_iter, tol)
        p, q = log_p.exp_(), log_q.exp_()
        # f is centred, g takes the rest of the value.
        source_gradient = p.mul_(result.f.to(p.dtype))
        weighted = q * result.g.to(q.dtype)
        mean = weighted.sum(1, keepdim=True)
        value = (mean + source_gradient.sum(1, keepdim=True))[:, 0] - reg
        target_gradient = weighted.addcmul_(q, mean, value=-1)
    value = _KnownGradients.apply(source_logits, target_logits, value,
                                  source_gradient, target_gradient)
    return value, result
