"""A cost matrix and its class lists as part of a module's state."""
import json
from collections import Counter
from collections.abc import Iterable

import torch
from torch import nn

# Bytes kept for each class name, so that the buffer has its final length
# before the names are known: an averaged copy of the model made earlier
# then still fits.
NAME_BYTES = 64


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


class CostBuffer(nn.Module):
    """A module that holds a cost matrix and both class lists.

    They are buffers, so that averaged models, wrappers and checkpoints carry
    them: ``cost``, shape (L_s, L_t), NaN until it is set, and
    ``class_lists``, the names as UTF-8 JSON bytes.

    Args:
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
        ValueError: If the cost or a class list is not fit, or counts
            disagree.
    """

    def __init__(self,
                 cost=None,
                 num_source=None,
                 num_target=None,
                 source_classes=None,
                 target_classes=None):
        super().__init__()
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
