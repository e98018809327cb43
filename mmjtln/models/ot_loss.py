"""The OT loss between source and target classifier predictions."""
import json
import logging
from collections import Counter
from collections.abc import Iterable

import torch
from mmengine.logging import print_log
from torch import nn

from mmjtln.ot import entropic_value
from mmjtln.ot.sinkhorn import check_options
from mmjtln.registry import MODELS

REDUCTIONS = ('mean', 'sum', 'none')
SIDES = ('source', 'target', 'both')
HOW_TO_SET = ('pass cost= to OTLoss, call set_cost(), or load a checkpoint '
              'that holds it')
# Bytes kept for each class name, so that the buffer has its final length
# before the names are known: an averaged copy of the model made earlier
# then still fits.
NAME_BYTES = 64


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f'{name} must be one of {choices}, got {value!r}; '
                         f'set {name} of OTLoss to one of them')


def _check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'{name} must be an integer, got {value!r} '
                        f'({type(value).__name__}); set {name} of OTLoss to '
                        'the number of classes')
    if value < 1:
        raise ValueError(f'{name} must be at least 1, got {value}; set '
                         f'{name} of OTLoss to the number of classes')


def _check_classes(name, classes):
    """Return a class list as a tuple of str, or None."""
    if classes is None:
        return None
    if isinstance(classes, Iterable) and not isinstance(classes, str):
        classes = tuple(classes)
    if not (isinstance(classes, tuple)
            and all(isinstance(name, str) for name in classes)):
        raise TypeError(f'{name} must be a list of class names, got '
                        f'{classes!r}; pass strings in the order of the '
                        "head's outputs")
    twice = [name for name, times in Counter(classes).items() if times > 1]
    if twice:
        raise ValueError(f'{name} must not name a class twice, got '
                         f'{twice} more than once; mend the class list of '
                         'the data set')
    return classes


def _as_cost(cost):
    """Return a cost matrix as a finite, non-negative float32 matrix."""
    try:
        cost = torch.as_tensor(cost, dtype=torch.float32).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            'cost must be a matrix of numbers (tensor, array or nested '
            f'lists), got {type(cost).__name__}: {error}') from error
    if cost.dim() != 2 or 0 in cost.shape:
        raise ValueError('cost must be a matrix (L_s, L_t), got shape '
                         f'{tuple(cost.shape)}; mend the cost matrix given '
                         'to OTLoss')
    for rule, bad in (('finite', ~cost.isfinite()),
                      ('non-negative', cost < 0)):
        if bad.any():
            row, column = bad.nonzero()[0].tolist()
            raise ValueError(
                f'cost must be {rule}, got {int(bad.sum())} entries that '
                f'are not, the first {cost[row, column].item()} at row '
                f'{row} (source), column {column} (target); mend the cost '
                'matrix given to OTLoss')
    return cost


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
                 target_classes=None):
        super().__init__()
        check_options(reg, max_iter, tol)
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
        self._warned = False

        shape = []
        cost = None if cost is None else _as_cost(cost)
        for axis, (side, count, classes) in enumerate(
            (('source', num_source, source_classes),
             ('target', num_target, target_classes))):
            if count is not None:
                _check_count(f'num_{side}', count)
            elif cost is not None:
                count = cost.shape[axis]
            elif classes is not None:
                count = len(classes)
            else:
                raise ValueError(
                    f'the number of {side} classes must be known, got none '
                    f'of num_{side}, cost and {side}_classes; pass one of '
                    'them to OTLoss')
            shape.append(count)
        self.register_buffer('cost', torch.full(shape, float('nan')))
        self.register_buffer('class_lists', self._encode(None, None))
        if cost is not None:
            self.set_cost(cost)
        self.set_classes(source_classes, target_classes)

    def extra_repr(self):
        """The options and the sizes, for ``print(model)``."""
        return (f'reg={self.reg}, max_iter={self.max_iter}, tol={self.tol}, '
                f'loss_weight={self.loss_weight}, '
                f'reduction={self.reduction!r}, grad_to={self.grad_to!r}, '
                f'num_source={self.num_source}, '
                f'num_target={self.num_target}')

    @property
    def num_source(self):
        """int: Number of source classes, L_s."""
        return self.cost.shape[0]

    @property
    def num_target(self):
        """int: Number of target classes, L_t."""
        return self.cost.shape[1]

    @property
    def has_cost(self):
        """bool: Whether the cost matrix has been set. Reads the device."""
        return not bool(self.cost.isnan().any())

    @property
    def source_classes(self):
        """tuple[str] or None: Names of the cost's rows."""
        return self._decode()[0]

    @property
    def target_classes(self):
        """tuple[str] or None: Names of the cost's columns."""
        return self._decode()[1]

    # The class lists live in a tensor because averaged models, wrappers
    # and MMEngine's checkpoints carry tensors only.
    def _encode(self, source, target):
        text = json.dumps([source, target], ensure_ascii=False).encode()
        room = NAME_BYTES * (self.num_source + self.num_target)
        return torch.frombuffer(
            bytearray(text.ljust(room)), dtype=torch.uint8)

    def _decode(self):
        try:
            source, target = json.loads(
                self.class_lists.cpu().numpy().tobytes())
        except ValueError as error:
            raise RuntimeError(
                'the class lists of OTLoss must be UTF-8 JSON, got bytes '
                f'that are not ({error}); load a sound checkpoint or call '
                'set_classes()') from error
        return (source and tuple(source), target and tuple(target))

    def set_classes(self, source_classes=None, target_classes=None):
        """Name the rows and columns of the cost matrix.

        Args:
            source_classes (Sequence[str], optional): L_s names, or None
                for unknown.
            target_classes (Sequence[str], optional): L_t names, or None.

        Raises:
            TypeError: If a list holds something else than strings.
            ValueError: If a list has another length or names a class
                twice.
        """
        source = _check_classes('source_classes', source_classes)
        target = _check_classes('target_classes', target_classes)
        for side, classes, count in (('source', source, self.num_source),
                                     ('target', target, self.num_target)):
            if classes is not None and len(classes) != count:
                raise ValueError(
                    f'{side}_classes must name the {count} {side} classes '
                    f'of the cost matrix, got {len(classes)} names; mend '
                    f'num_{side} of OTLoss or the class list')
        self._put_class_lists(self._encode(source, target))

    def _put_class_lists(self, encoded):
        if encoded.shape == self.class_lists.shape:
            self.class_lists.copy_(encoded)
        else:
            self.class_lists = encoded.to(self.class_lists.device)

    @torch.no_grad()
    def set_cost(self, cost, source_classes=None, target_classes=None):
        """Set the cost matrix, and its class lists where given.

        The values are copied into the buffer in place: averaged models and
        wrappers may hold a reference to it.

        Args:
            cost (Tensor or array or nested list): shape (L_s, L_t),
                finite, non-negative.
            source_classes (Sequence[str], optional): Names of the rows.
                None leaves them as they are.
            target_classes (Sequence[str], optional): Names of the columns.
                None leaves them as they are.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If the cost or a class list is not fit.
        """
        cost = _as_cost(cost)
        if cost.shape != self.cost.shape:
            raise ValueError(
                'cost must have a row for each source class and a column '
                f'for each target class, {tuple(self.cost.shape)}, got '
                f'{tuple(cost.shape)}; build it for these classes, or mend '
                'num_source and num_target of OTLoss')
        if source_classes is not None or target_classes is not None:
            self.set_classes(
                self.source_classes
                if source_classes is None else source_classes,
                self.target_classes
                if target_classes is None else target_classes)
        self.cost.copy_(cost)

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        """Refuse another cost shape; take class lists of any length."""
        cost = state_dict.get(prefix + 'cost')
        if cost is not None and cost.shape != self.cost.shape:
            # Raised, not reported: MMEngine only logs what is reported.
            raise ValueError(
                f'the cost matrix of the checkpoint ({prefix}cost) must '
                'have the shape of the model, (source classes, target '
                f'classes) = {tuple(self.cost.shape)}, got '
                f'{tuple(cost.shape)}; load a checkpoint for these '
                'classes, or mend the class counts of the config')
        encoded = state_dict.get(prefix + 'class_lists')
        if encoded is not None and encoded.shape != self.class_lists.shape:
            self.class_lists = torch.empty_like(
                encoded, device=self.class_lists.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

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
        with torch.autocast(source_logits.device.type, enabled=False):
            try:
                value, result = entropic_value(
                    source_logits.to(dtype), target_logits.to(dtype),
                    self.cost, self.reg, self.max_iter, self.tol)
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
