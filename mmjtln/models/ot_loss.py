"""The OT loss between source and target classifier predictions."""
import logging
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmjtln.errors import check_choice, refusal, require
from mmjtln.ot import (
    KernelCache,
    SinkhornResult,
    entropic_value,
    label_value,
    sinkhorn,
)
from mmjtln.ot.checks import check_options, check_shapes, relaxations
from mmjtln.registry import MODELS

if TYPE_CHECKING:
    from mmjtln.costs import CostMatrix


@MODELS.register_module()
class OTLoss(nn.Module):
    r"""Entropic OT between a sample's source and target predictions.

    .. math::
        W_{reg}(p, q; C) = \min_{G 1 = p,\, G^T 1 = q}
        \langle G, C\rangle - reg\, H(G),
        \qquad H(G) = -\sum_{ij} G_{ij} (\log G_{ij} - 1)

    with p and q the softmax of the two logits and C the cost matrix (Lu et
    al., arXiv:1709.02995; the loss as such: Frogner et al., *Learning with a
    Wasserstein Loss*, NeurIPS 2015). Value and gradient are those of
    :func:`~mmjtln.ot.entropic_value`, or of :func:`~mmjtln.ot.label_value`
    where a marginal is a label; a second derivative is an error. A solver
    that stops at ``max_iter`` gives a finite loss and gradient of less
    accuracy, and one warning. It computes in float32 or better under
    autocast too.

    Args:
        reg (float): Weight of the entropy (eps in the papers), in units of
            the cost. Smaller is closer to exact OT and a sharper
            pseudo-label, and takes more iterations. Defaults to 0.1.
        max_iter (int): Most iterations of the solver. Defaults to 1000.
        tol (float): L1 marginal error at which the solver stops. Defaults
            to 1e-4.
        grad_to (str): Whose logits get a gradient: ``'source'``,
            ``'target'`` or ``'both'``. Defaults to ``'source'``.
        cost (Tensor or array or nested list, optional): Cost matrix, shape
            (L_s, L_t): how unrelated source class i is to target class j.
            A buffer, NaN until it is set. Defaults to None: see
            :meth:`set_cost`.
        num_source_classes (int, optional): L_s. Needed without ``cost``.
        num_target_classes (int, optional): L_t, likewise.
        relax (float | dict, optional): Weight tau of the KL divergence that
            replaces a marginal constraint (unbalanced OT), as
            :func:`~mmjtln.ot.sinkhorn` takes it. Defaults to None.

    Raises:
        TypeError: If the cost matrix holds no numbers.
        ValueError: If an option is out of its range, or counts disagree.
    """

    def __init__(self, reg: float = 0.1, max_iter: int = 1000,
                 tol: float = 1e-4, grad_to: str = 'source',
                 cost: 'CostMatrix | Tensor | np.ndarray | list | None' = None,
                 num_source_classes: int | None = None,
                 num_target_classes: int | None = None,
                 relax: float | dict | None = None) -> None:
        super().__init__()
        check_options(reg, max_iter, tol)
        relaxations(relax)
        check_choice(grad_to, 'grad_to', 'OTLoss',
                     ('source', 'target', 'both'))
        self.reg, self.max_iter, self.tol = reg, max_iter, tol
        self.grad_to, self.relax = grad_to, relax
        self._warned = self._cost_seen = False
        self._cache = KernelCache()

        shape: list[Any] = [num_source_classes, num_target_classes]
        if cost is not None:
            cost = _as_cost(cost)
            shape = [size if count is None else count
                     for size, count in zip(cost.shape, shape, strict=True)]
        require(all(type(count) is int and count > 0 for count in shape),
                'num_source_classes and num_target_classes of OTLoss must be '
                'positive integers where no cost matrix tells them', 'got '
                f'{num_source_classes!r} and {num_target_classes!r}',
                'Set both to the numbers of classes')
        self.register_buffer('cost', torch.full(shape, float('nan')))
        if cost is not None:
            self.set_cost(cost)

    @property
    def has_cost(self) -> bool:
        """bool: Whether the cost matrix has been set. Reads the device."""
        return not bool(self.cost.isnan().any())

    @torch.no_grad()
    def set_cost(self, cost: 'CostMatrix | Tensor | np.ndarray | list'
                 ) -> None:
        """Set the cost matrix, (L_s, L_t), whose entries are not looked at.

        Into the buffer, in place: averaged models and wrappers may hold a
        reference to it. The errors are those of the class.
        """
        cost = _as_cost(cost)
        self._check_shape('cost', cost)
        self.cost.copy_(cost)
        self._cost_seen = False

    def _load_from_state_dict(self, state_dict: dict, prefix: str,
                              *args: Any, **kwargs: Any) -> None:
        """Refuse a cost of another shape, which MMEngine would only log."""
        if prefix + 'cost' in state_dict:
            self._check_shape(f'The cost matrix of the checkpoint, {prefix}'
                              'cost,', state_dict[prefix + 'cost'])
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _check_shape(self, what: str, cost: Tensor) -> None:
        require(cost.shape == self.cost.shape, f'{what} must have the shape '
                f'(source classes, target classes) = {tuple(self.cost.shape)}',
                f'got {tuple(cost.shape)}', 'Use one for these classes, or '
                'change the class counts of the config')

    def marginals(self, source_logits: Tensor,
                  target_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of B images in float32 or better, labels as is."""
        given = source_logits, target_logits
        # Labels stand for as many rows of logits of their side.
        source, target = (
            self.cost.new_empty(()).expand(len(one), count)
            if _is_label(one) else one
            for one, count in zip(given, self.cost.shape, strict=True))
        check_shapes(source, target, self.cost)
        dtypes = [one.dtype for one in given if not _is_label(one)]
        require(dtypes, 'One of the logits must be a prediction',
                'got labels for both', 'Pass the logits of one')
        dtype = reduce(torch.promote_types, dtypes, torch.float32)
        source, target = (
            one if _is_label(one) else one.to(dtype) for one in given)
        return source, target

    def check_cost(self) -> None:
        """Raise a RuntimeError without a cost matrix. Reads the device."""
        require(self.has_cost, f'The cost matrix of {type(self).__name__} '
                'must be set before it is used', 'got one of NaN',
                "Add dict(type='mmjtln.CostMatrixHook', cost=dict(type=...)) "
                'to `custom_hooks`, or call set_cost()', RuntimeError)

    @torch.no_grad()
    def transport(self, source_logits: Tensor,
                  target_logits: Tensor) -> SinkhornResult:
        """Solve for the plans between the softmax of two logits.

        As :meth:`loss_and_log`, without labels, on the device of the cost.
        """
        self.check_cost()
        log_p, log_q = (
            logits.to(self.cost.device).log_softmax(1)
            for logits in self.marginals(source_logits, target_logits))
        return sinkhorn(log_p, log_q, self.cost, self.reg, self.max_iter,
                        self.tol, self.relax, self._cache)

    def forward(self, source_logits: Tensor,
                target_logits: Tensor) -> Tensor:
        """Compute the loss alone, see :meth:`loss_and_log`."""
        return self.loss_and_log(source_logits, target_logits)[0]

    def loss_and_log(self, source_logits: Tensor, target_logits: Tensor,
                     also: Tensor | None = None) -> tuple[Tensor, dict]:
        """Compute the loss and what a training log wants to know of it.

        Args:
            source_logits (Tensor): shape (B, L_s), minus infinity being a
                class of zero mass; or class labels, shape (B,), int64.
            target_logits (Tensor): shape (B, L_t), or labels, likewise;
                labels on one side only.
            also (Tensor, optional): The sum of the step's other losses, to
                learn in the same wait for the device whether it is finite.
                Defaults to None.

        Returns:
            tuple: The batch's mean entropic OT value, a scalar that can be
            negative; and a dict of detached scalars: ``ot_cost``, the mean
            <G, C>, and ``ot_error``, the largest marginal error. With
            ``also`` besides ``finite``: whether the wait has shown both to be.

        Raises:
            RuntimeError: If the cost matrix has not been set.
            ValueError: If the logits' shapes do not fit the cost matrix.
        """
        source_logits, target_logits = self.marginals(
            source_logits, target_logits)
        if self.grad_to == 'source':
            target_logits = target_logits.detach()
        elif self.grad_to == 'target':
            source_logits = source_logits.detach()
        finite = False
        if _is_label(source_logits) or _is_label(target_logits):
            value, cost = self._solve_label(source_logits, target_logits)
            error = cost.new_zeros(())
        else:
            value, result = self._solve(source_logits, target_logits, also)
            cost, error = result.transport_cost(), result.error.amax()
            finite = result.also_finite
        log: dict[str, Any] = dict(ot_cost=cost.mean(), ot_error=error)
        if also is not None:
            log['finite'] = finite
        return value.mean(), log

    def _solve(self, source_logits: Tensor, target_logits: Tensor,
               also: Tensor | None) -> tuple[Tensor, SinkhornResult]:
        """Return each sample's value, and what it was made from."""
        try:
            value, result = entropic_value(
                source_logits, target_logits,
                self.cost, self.reg, self.max_iter, self.tol, self.relax,
                self._cache, also)
        except ValueError:
            self.check_cost()
            raise
        if not result.converged and not self._warned:
            self._warned = True
            print_log(
                f'OTLoss: the solver stopped at max_iter={self.max_iter} with '
                f'a marginal error of {result.error.amax().item():.1e}, above '
                f'tol={self.tol}; raise max_iter, tol or reg of OTLoss (this '
                'is said once)', logger='current', level=logging.WARNING)
        return value, result

    def _solve_label(self, source: Tensor, target: Tensor
                     ) -> tuple[Tensor, Tensor]:
        """Return value and <G, C>, where one side is labels."""
        # Looked at once: a look waits for the device, and a cost that has
        # been set stays set.
        if not self._cost_seen:
            self.check_cost()
            require((self.cost.isfinite() & (self.cost >= 0)).all(),
                    'cost must be finite and non-negative', 'got a matrix '
                    'with an infinite or a negative entry',
                    'Change what makes the cost matrix')
            self._cost_seen = True
        with torch.autocast(source.device.type, enabled=False):
            if _is_label(source):
                return label_value(target, source, self.cost, self.reg,
                                   self.relax, 'source')
            return label_value(source, target, self.cost, self.reg, self.relax)


def _is_label(marginal: Tensor) -> bool:
    """Whether a marginal is given by class labels, int64, shape (B,)."""
    return (torch.is_tensor(marginal) and marginal.dtype == torch.int64
            and marginal.dim() == 1)


def _as_cost(cost: 'CostMatrix | Tensor | np.ndarray | list') -> Tensor:
    """Read a matrix as float32, of a CostMatrix its entries."""
    try:
        cost = torch.as_tensor(getattr(cost, 'matrix', cost),
                               dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise refusal('cost must be a matrix of numbers', 'got '
                      f'{type(cost).__name__}: {error}', 'Give a tensor, an '
                      'array or nested lists', TypeError) from error
    require(cost.dim() == 2, 'cost must be a matrix (L_s, L_t)',
            f'got shape {tuple(cost.shape)}', 'Give a row a source class')
    return cost
