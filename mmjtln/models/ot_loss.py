"""The OT loss between source and target classifier predictions."""
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmjtln.errors import check_choice
from mmjtln.ot import (
    SinkhornResult,
    entropic_value,
    label_value,
    sinkhorn,
)
from mmjtln.ot.checks import check_options
from mmjtln.ot.side import relaxations
from mmjtln.registry import MODELS

from .ot_inputs import as_cost, check_logits, is_label

if TYPE_CHECKING:
    from mmjtln.costs import CostMatrix

REDUCTIONS = ('mean', 'sum', 'none')
SIDES = ('source', 'target', 'both')


@MODELS.register_module()
class OTLoss(nn.Module):
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
    for backward. How near the gradient is, :func:`~mmjtln.ot.sinkhorn` says.
    A second derivative is an error. Where a marginal is a label, value and
    gradient have a closed form (:func:`~mmjtln.ot.label_value`).

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
            A buffer, so that averaged models, wrappers and checkpoints carry
            it; NaN until it is set. Defaults to None: set later, see
            :meth:`set_cost`.
        num_source_classes (int, optional): L_s. Needed without ``cost``.
        num_target_classes (int, optional): L_t, likewise.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If one is out of its range, or counts disagree.

    Examples:
        >>> loss = OTLoss(reg=0.1, cost=torch.rand(10, 3))
        >>> loss(torch.randn(4, 10), torch.randn(4, 3)).shape
        torch.Size([])
    """

    def __init__(self,
                 reg: float = 0.1,
                 max_iter: int = 1000,
                 tol: float = 1e-4,
                 reduction: str = 'mean',
                 grad_to: str = 'source',
                 cost: 'CostMatrix | Tensor | np.ndarray | list | None' = None,
                 num_source_classes: int | None = None,
                 num_target_classes: int | None = None,
                 relax: float | dict | None = None) -> None:
        super().__init__()
        check_options(reg, max_iter, tol)
        relaxations(relax)
        check_choice(reduction, 'reduction', 'OTLoss', REDUCTIONS)
        check_choice(grad_to, 'grad_to', 'OTLoss', SIDES)
        self.reg = reg
        self.max_iter = max_iter
        self.tol = tol
        self.reduction = reduction
        self.grad_to = grad_to
        self.relax = relax
        self._warned = False
        self._cost_seen = False

        shape = [num_source_classes, num_target_classes]
        if cost is not None:
            cost = as_cost(cost)
            shape = [size if count is None else count
                     for size, count in zip(cost.shape, shape, strict=True)]
        if any(type(count) is not int or count < 1 for count in shape):
            raise ValueError(
                'num_source_classes and num_target_classes of OTLoss must be '
                'positive integers where no cost matrix tells them, got '
                f'{num_source_classes!r} and {num_target_classes!r}; set both '
                'to the numbers of classes')
        self.register_buffer('cost', torch.full(shape, float('nan')))
        if cost is not None:
            self.set_cost(cost)

    @property
    def has_cost(self) -> bool:
        """bool: Whether the cost matrix has been set. Reads the device."""
        return not bool(self.cost.isnan().any())

    @torch.no_grad()
    def set_cost(self,
                 cost: 'CostMatrix | Tensor | np.ndarray | list') -> None:
        """Set the cost matrix.

        The values are copied into the buffer in place: averaged models and
        wrappers may hold a reference to it.

        Args:
            cost (CostMatrix or Tensor or array or nested list): shape
                (L_s, L_t). What a valid matrix is, and whether its classes
                are those of the data, is for
                :class:`~mmjtln.costs.CostMatrix` to check.

        Raises:
            TypeError: If it holds no numbers.
            ValueError: If it has another shape.
        """
        cost = as_cost(cost)
        if cost.shape != self.cost.shape:
            raise ValueError(
                'cost must have a row for each source class and a column '
                f'for each target class, {tuple(self.cost.shape)}, got '
                f'{tuple(cost.shape)}; build it for these classes, or change '
                'num_source_classes and num_target_classes of OTLoss')
        self.cost.copy_(cost)
        self._cost_seen = False

    def _load_from_state_dict(self, state_dict: dict, prefix: str,
                              *args: Any, **kwargs: Any) -> None:
        """Refuse a cost of another shape, which MMEngine would only log."""
        cost = state_dict.get(prefix + 'cost')
        if cost is not None and cost.shape != self.cost.shape:
            raise ValueError(
                f'the cost matrix of the checkpoint ({prefix}cost) must '
                'have the shape of the model, (source classes, target '
                f'classes) = {tuple(self.cost.shape)}, got '
                f'{tuple(cost.shape)}; load a checkpoint for these '
                'classes, or change the class counts of the config')
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        """The options and the sizes, for ``print(model)``."""
        return (f'reg={self.reg}, max_iter={self.max_iter}, tol={self.tol}, '
                f'reduction={self.reduction!r}, grad_to={self.grad_to!r}, '
                f'relax={self.relax!r}, cost={tuple(self.cost.shape)}')

    def _prepare(self, source_logits: Tensor,
                 target_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Check the logits and the cost, and compute in float32 or better."""
        check_logits(source_logits, target_logits, self.cost.shape)
        dtype = torch.promote_types(
            torch.promote_types(source_logits.dtype, target_logits.dtype),
            torch.float32)
        return tuple(marginal if is_label(marginal) else marginal.to(dtype)
                     for marginal in (source_logits, target_logits))

    def _check_cost(self) -> None:
        if not self.has_cost:
            raise RuntimeError(
                'the cost matrix of OTLoss must be set before it is used, got '
                'a matrix with unset (NaN) entries; in a run, add '
                "dict(type='mmjtln.CostMatrixHook', cost=dict(type=...)) to "
                '`custom_hooks`, which builds it; else pass cost= to OTLoss, '
                'call set_cost(), or load a checkpoint that holds it')

    @torch.no_grad()
    def transport(self, source_logits: Tensor,
                  target_logits: Tensor) -> SinkhornResult:
        """Solve for the plans between the softmax of two logits.

        Args:
            source_logits (Tensor): shape (B, L_s), on any device.
            target_logits (Tensor): shape (B, L_t), likewise.

        Returns:
            SinkhornResult: Plans, potentials and marginal errors, on the
            device of the cost matrix.

        Raises:
            RuntimeError: If the cost matrix has not been set.
            ValueError: If the logits' shapes do not fit the cost matrix.
        """
        self._check_cost()
        log_p, log_q = (
            logits.to(self.cost.device).log_softmax(1)
            for logits in self._prepare(source_logits, target_logits))
        return sinkhorn(log_p, log_q, self.cost, self.reg, self.max_iter,
                        self.tol, self.relax)

    def _solve_label(self, labels: Tensor, logits: Tensor,
                     side: str) -> tuple[Tensor, Callable, Tensor]:
        """As :meth:`_solve`, with the labels of one side."""
        # Looked at once: a look waits for the device, and a cost that has
        # been set stays set.
        if not self._cost_seen:
            self._check_cost()
            if not bool((self.cost.isfinite() & (self.cost >= 0)).all()):
                raise ValueError(
                    'cost must be finite and non-negative, got a matrix of '
                    f'shape {tuple(self.cost.shape)} with an infinite or '
                    'negative entry; change what makes the cost matrix')
            self._cost_seen = True
        if self.grad_to == side:
            logits = logits.detach()
        with torch.autocast(logits.device.type, enabled=False):
            value, cost = label_value(logits, labels, self.cost, self.reg,
                                      self.relax, side)
        return value, lambda: cost, torch.zeros_like(cost)

    def _solve(self, source_logits: Tensor,
               target_logits: Tensor) -> tuple[Tensor, Callable, Tensor]:
        """Return each sample's value, how to get <G, C>, and the error."""
        source_logits, target_logits = self._prepare(source_logits,
                                                     target_logits)
        if is_label(source_logits):
            return self._solve_label(source_logits, target_logits, 'source')
        if is_label(target_logits):
            return self._solve_label(target_logits, source_logits, 'target')
        if self.grad_to == 'source':
            target_logits = target_logits.detach()
        elif self.grad_to == 'target':
            source_logits = source_logits.detach()
        try:
            value, result = entropic_value(
                source_logits, target_logits,
                self.cost, self.reg, self.max_iter, self.tol, self.relax)
        except ValueError:
            self._check_cost()
            raise
        if not result.converged and not self._warned:
            self._warned = True
            print_log(
                'OTLoss: the solver stopped at max_iter='
                f'{self.max_iter} with a marginal error of '
                f'{result.error.amax().item():.1e}, above tol={self.tol}; '
                'raise max_iter, tol or reg of OTLoss (this is said once)',
                logger='current',
                level=logging.WARNING)
        return value, result.transport_cost, result.error

    def _reduce(self, value: Tensor) -> Tensor:
        return value if self.reduction == 'none' else getattr(
            value, self.reduction)()

    def forward(self, source_logits: Tensor,
                target_logits: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            source_logits (Tensor): shape (B, L_s). Minus infinity, as in
                the logarithm of a one-hot label, is a class of zero mass.
                Or class labels, shape (B,), int64: their plan is known, so
                no solver is needed.
            target_logits (Tensor): shape (B, L_t), or labels, likewise;
                labels on one side only.

        Returns:
            Tensor: The entropic OT value: a scalar, or shape (B,) for
            ``reduction='none'``. It may be negative: the entropy is part of
            it.

        Raises:
            RuntimeError: If the cost matrix has not been set.
            ValueError: If the logits' shapes do not fit the cost matrix.
        """
        return self._reduce(self._solve(source_logits, target_logits)[0])

    def loss_and_log(self, source_logits: Tensor,
                     target_logits: Tensor) -> tuple[Tensor, dict]:
        """Compute the loss and what a training log wants to know of it.

        Args:
            source_logits (Tensor): shape (B, L_s), or labels, shape (B,),
                as in :meth:`forward`.
            target_logits (Tensor): shape (B, L_t), or labels, likewise.

        Returns:
            tuple: The loss as :meth:`forward` gives it, and a dict of
            detached scalars: ``ot_cost``, the batch's mean <G, C>, and
            ``ot_error``, its largest marginal error.
        """
        value, transport_cost, error = self._solve(source_logits,
                                                   target_logits)
        return self._reduce(value), dict(
            ot_cost=transport_cost().mean(), ot_error=error.amax())
