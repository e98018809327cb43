"""The OT loss between source and target classifier predictions."""
import logging

import torch
from mmengine.logging import print_log

from mmjtln.ot import entropic_value
from mmjtln.ot.side import relaxations
from mmjtln.ot.sinkhorn import check_options
from mmjtln.registry import MODELS

from .cost_buffer import CostBuffer

REDUCTIONS = ('mean', 'sum', 'none')
SIDES = ('source', 'target', 'both')
HOW_TO_SET = ('pass cost= to OTLoss, call set_cost(), or load a checkpoint '
              'that holds it')


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f'{name} must be one of {choices}, got {value!r}; '
                         f'set {name} of OTLoss to one of them')


@MODELS.register_module()
class OTLoss(CostBuffer):
    r"""Entropic OT between a sample's source and target predictions.

    .. math::
        W_{reg}(p, q; C) = \min_{G 1 = p,\, G^T 1 = q}
        \langle G, C\rangle - reg\, H(G),
        \qquad H(G) = -\sum_{ij} G_{ij} (\log G_{ij} - 1)

    with p and q the softmax of the two logits and C the cost matrix (Lu et
    al., *Optimal Transport for Deep Joint Transfer Learning*,
    arXiv:1709.02995; the loss as such: Frogner et al., *Learning with a
    Wasserstein Loss*, NeurIPS 2015; the solver: Cuturi, *Sinkhorn
    Distances*, NeurIPS 2013).

    How it is differentiated: by the envelope theorem, from the potentials,
    see :func:`~mmjtln.ot.entropic_value`. Nothing of the iterations is kept
    for backward. The relative error of the gradient is about the marginal
    error ``tol``. A second derivative is an error.

    How it can fail: a solver that stops at ``max_iter`` gives a finite
    loss and gradient of less accuracy, and one warning. A NaN or plus
    infinity in the logits gives a NaN loss, as any loss does.

    It computes in float32 or better under autocast too.

    Args:
        reg (float): Weight of the entropy (eps in the papers), in units of
            the cost. Smaller is closer to exact OT and a sharper
            pseudo-label, and takes more iterations. Defaults to 0.1.
        max_iter (int): Most iterations of the solver. Defaults to 1000.
        tol (float): L1 marginal error at which the solver stops. Defaults
            to 1e-4.
        loss_weight (float): Factor of the loss. Defaults to 1.0.
        reduction (str): ``'mean'`` or ``'sum'`` over the batch, or
            ``'none'``. Defaults to ``'mean'``.
        relax (float | dict, optional): Weight tau of the KL divergence that
            replaces a marginal constraint (unbalanced OT), in units of the
            cost: one for both sides, or a dict with one or both of
            ``source`` and ``target``. With the source side relaxed, a
            source class that has nothing to do with the target need not
            send its mass anywhere. None is the constraint, the limit of a
            large tau. Defaults to None.
        grad_to (str): Whose logits get a gradient: ``'source'``,
            ``'target'`` or ``'both'``. Defaults to ``'source'``.
        cost (Tensor or array or nested list, optional): Cost matrix, shape
            (L_s, L_t): how unrelated source class i is to target class j.
            Defaults to None: set later, see :meth:`set_cost`.
        num_source (int, optional): L_s. Needed unless ``cost`` or
            ``source_classes`` tells.
        num_target (int, optional): L_t, likewise.
        source_classes (Sequence[str], optional): Names of the rows of
            ``cost``.
        target_classes (Sequence[str], optional): Names of its columns.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If one is out of its range, or counts disagree.

    Examples:
        >>> loss = OTLoss(reg=0.1, cost=torch.rand(10, 3))
        >>> loss(torch.randn(4, 10), torch.randn(4, 3)).shape
        torch.Size([])
    """

    def __init__(self,
                 reg=0.1,
                 max_iter=1000,
                 tol=1e-4,
                 loss_weight=1.0,
                 reduction='mean',
                 grad_to='source',
                 cost=None,
                 num_source=None,
                 num_target=None,
                 source_classes=None,
                 target_classes=None,
                 relax=None):
        super().__init__(cost, num_source, num_target, source_classes,
                         target_classes)
        check_options(reg, max_iter, tol)
        relaxations(relax)
        if isinstance(loss_weight, bool) or not isinstance(
                loss_weight, (int, float)):
            raise TypeError('loss_weight must be a number, got '
                            f'{loss_weight!r}; set loss_weight of OTLoss')
        if not 0 <= loss_weight < float('inf'):
            raise ValueError('loss_weight must be finite and not negative, '
                             f'got {loss_weight}; set loss_weight of OTLoss')
        _check_choice('reduction', reduction, REDUCTIONS)
        _check_choice('grad_to', grad_to, SIDES)
        self.reg = reg
        self.max_iter = max_iter
        self.tol = tol
        self.loss_weight = loss_weight
        self.reduction = reduction
        self.grad_to = grad_to
        self.relax = relax
        self._warned = False

    def extra_repr(self):
        """The options and the sizes, for ``print(model)``."""
        return (f'reg={self.reg}, max_iter={self.max_iter}, tol={self.tol}, '
                f'loss_weight={self.loss_weight}, '
                f'reduction={self.reduction!r}, grad_to={self.grad_to!r}, '
                f'relax={self.relax!r}, '
                f'num_source={self.num_source}, '
                f'num_target={self.num_target}')

    def _check_logits(self, source_logits, target_logits):
        for name, logits, count in (
            ('source_logits', source_logits, self.num_source),
            ('target_logits', target_logits, self.num_target)):
            if not torch.is_tensor(logits) or not logits.is_floating_point():
                raise TypeError(
                    f'{name} must be a floating point tensor, got '
                    f'{getattr(logits, "dtype", type(logits).__name__)}; '
                    'pass the raw outputs of the head')
            if logits.dim() != 2 or logits.shape[1] != count:
                raise ValueError(
                    f'{name} must have shape (B, {count}), as the cost '
                    f'matrix {tuple(self.cost.shape)} has it, got '
                    f'{tuple(logits.shape)}; mend the class counts of heads '
                    'and OTLoss')
        if len(source_logits) != len(target_logits):
            raise ValueError(
                'source_logits and target_logits must be of the same '
                f'samples, got {len(source_logits)} and '
                f'{len(target_logits)} rows; pass both logits of each image')

    def _solve(self, source_logits, target_logits):
        """Return the value of each sample, shape (B,), and the solution."""
        self._check_logits(source_logits, target_logits)
        if self.grad_to == 'source':
            target_logits = target_logits.detach()
        elif self.grad_to == 'target':
            source_logits = source_logits.detach()
        dtype = torch.promote_types(
            torch.promote_types(source_logits.dtype, target_logits.dtype),
            torch.float32)
        try:
            value, result = entropic_value(
                source_logits.to(dtype), target_logits.to(dtype),
                self.cost, self.reg, self.max_iter, self.tol, self.relax)
        except ValueError as error:
            if self.has_cost:
                raise
            raise RuntimeError(
                'the cost matrix of OTLoss must be set before the loss '
                'is used, got a matrix with unset (NaN) entries; '
                f'{HOW_TO_SET}') from error
        if not result.converged and not self._warned:
            self._warned = True
            print_log(
                'OTLoss: the solver stopped at max_iter='
                f'{self.max_iter} with a marginal error of '
                f'{result.error.amax().item():.1e}, above tol={self.tol}; '
                'raise max_iter, tol or reg of OTLoss (this is said once)',
                logger='current',
                level=logging.WARNING)
        return value, result

    def _reduce(self, value):
        if self.reduction == 'mean':
            value = value.mean()
        elif self.reduction == 'sum':
            value = value.sum()
        return self.loss_weight * value

    def forward(self, source_logits, target_logits):
        """Compute the loss.

        Args:
            source_logits (Tensor): shape (B, L_s). Minus infinity, as in
                the logarithm of a one-hot label, is a class of zero mass.
            target_logits (Tensor): shape (B, L_t), likewise.

        Returns:
            Tensor: The entropic OT value times ``loss_weight``: a scalar,
            or shape (B,) for ``reduction='none'``. It may be negative: the
            entropy is part of it.

        Raises:
            RuntimeError: If the cost matrix has not been set.
            ValueError: If the logits' shapes do not fit the cost matrix.
        """
        return self._reduce(self._solve(source_logits, target_logits)[0])

    def loss_and_log(self, source_logits, target_logits):
        """Compute the loss and what a training log wants to know of it.

        Args:
            source_logits (Tensor): shape (B, L_s).
            target_logits (Tensor): shape (B, L_t).

        Returns:
            tuple: The loss as :meth:`forward` gives it, and a dict of
            detached scalars: ``ot_cost``, the batch's mean <G, C>, and
            ``ot_error``, its largest marginal error.
        """
        value, result = self._solve(source_logits, target_logits)
        return self._reduce(value), dict(
            ot_cost=result.transport_cost().mean(),
            ot_error=result.error.amax())
