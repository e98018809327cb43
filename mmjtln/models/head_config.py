"""What turns the config of a stock classifier into one with two heads."""
import difflib
import inspect
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from mmengine.config import Config
from mmpretrain.models import ClsHead
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from torch import nn

from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import check_count, refusal, require
from mmjtln.heads.last_layer import detach_classifier, is_bare_head

#: Options of MMPretrain's losses that hold a value for each class.
_PER_CLASS = ('class_weight', 'pos_weight')


def joint_heads(backbone: dict, neck: dict | None, head: dict | None,
                source_head: dict | None
                ) -> tuple[dict | nn.Module, dict[str, dict], str | None]:
    """Complete and check the configs of two heads.

    Returned are the backbone, built if its last layer has become the heads;
    the config of each domain's head; and the name of that last layer.
    """
    given: dict[str, Any] = dict(
        head=head, source_head=complete_source_head(head, source_head))
    for name, cfg in dict(backbone=backbone, neck=neck, **given).items():
        _check_type(name, cfg)
    for name, cfg in given.items():
        _check_classes(name, cfg)
    heads = [with_class_count(cfg) for cfg in given.values()]
    name = None
    if all(map(is_bare_head, heads)):
        backbone = MMPRETRAIN_MODELS.build(backbone)
        classifier: Any = detach_classifier(backbone)
        require(classifier, '`model.head` is a bare ClsHead, which passes on '
                'what the backbone gives',
                f'but {type(backbone).__name__} does not end in a classifier '
                '(its `num_classes`)', 'Use e.g. LinearClsHead', TypeError)
        name, in_channels = classifier
        heads = [{**cfg, 'type': 'mmpretrain.LinearClsHead',
                  'in_channels': in_channels} for cfg in heads]
    return backbone, dict(zip((TARGET, SOURCE), heads, strict=True)), name


def complete_source_head(head: Any, source_head: Any) -> dict:
    """Lay ``source_head`` over ``head`` without its values a target class."""
    for name, cfg in dict(head=head, source_head=source_head).items():
        require(isinstance(cfg, dict), 'A JTLNClassifier needs the configs of '
                'two heads', f'but `{name}` is {cfg!r}',
                f'Name at least `model.{name}.num_classes`')
    if 'type' in source_head:
        return source_head
    own = deepcopy(dict(head))
    named = source_head.get('loss') or {}
    for key, value in _loss(head).items():
        if key in _PER_CLASS:
            del own['loss'][key]
            continue
        require(key in named or isinstance(value, str)
                or not isinstance(value, Sequence)
                or len(value) != head.get('num_classes'),
                'A source head inherits nothing that is for each target class',
                f'but `model.head.loss.{key}` seems to be',
                f'Set `model.source_head.loss.{key}` to its own')
    return Config._merge_a_into_b(dict(source_head), own)


def with_class_count(head: dict) -> dict:
    """Give a loss that names a number of classes that of its own head."""
    if _loss(head).get('num_classes') is None:
        return head
    return {**head, 'loss': {**head['loss'],
                             'num_classes': head['num_classes']}}


def _loss(head: dict) -> dict:
    """Return the config of a head's loss, if it has one."""
    loss = head.get('loss')
    return loss if isinstance(loss, dict) else {}


def _check_classes(name: str, head: dict) -> None:
    """Refuse a head without a number of classes, or with options of others."""
    count = head.get('num_classes')
    require(count is not None, f'`model.{name}.num_classes` must be set',
            'but is None', "Set it, or train with mmjtln's tools/train.py or "
            'apis.train, which take it from the data')
    check_count(count, 'num_classes', f'`model.{name}`')
    for key in _PER_CLASS:
        values = _loss(head).get(key)
        require(values is None or isinstance(values, str)
                or len(values) == count, f'`model.{name}.loss.{key}` must '
                f'have a value for each of the {count} classes', 'got '
                f'{values!r}', 'Give as many')


def _check_type(name: str, cfg: dict | nn.Module | None) -> None:
    """Refuse an unknown type, or a head that is no classifier."""
    # Before it is built: the head of a self-supervised model takes no
    # `num_classes` and would say only that.
    kind = cfg.get('type') if isinstance(cfg, dict) else None
    if isinstance(kind, str):
        known = MMPRETRAIN_MODELS.get(kind)
        near = '' if known else difflib.get_close_matches(
            kind, MMPRETRAIN_MODELS.module_dict, 3)
        require(known, f'`model.{name}.type` must be a registered type',
                f'but {kind!r} is none{f"; near it are {near}" * bool(near)}',
                'Correct it, or import its module by `custom_imports`')
        kind = known
    if 'head' in name and inspect.isclass(kind) and not issubclass(
            kind, ClsHead):
        raise refusal(
            f'`model.{name}` must be a single-label classification head',
            f'but {kind.__name__} is no ClsHead: it is of a multi-label or '
            'a self-supervised model', 'Use e.g. LinearClsHead', TypeError)


#: Losses of MMPretrain that are taken of one class without the others.
_SIGMOID = ('FocalLoss', 'AsymmetricLoss')


def check_head(name: str, head: nn.Module) -> None:
    """Refuse a head without logits of its own, or a loss of no softmax."""
    kind = type(head).__name__
    for bad, why in (
            (type(head).forward is ClsHead.forward,
             'has no classifier of its own'),
            (len(inspect.signature(head.forward).parameters) > 1,
             'takes the labels as well (a margin loss)')):
        require(not bad, f'`model.{name}` must be a single-label head that '
                'gives logits without the labels', f'but {kind} {why}',
                'Use e.g. LinearClsHead', TypeError)
    loss = getattr(head, 'loss_module', None)
    parts = [loss, getattr(loss, 'ce', None)]
    require(type(loss).__name__ not in _SIGMOID
            and getattr(loss, 'mode', None) != 'multi_label'
            and not any(getattr(part, 'use_sigmoid', False) for part in parts),
            'Optimal transport is between predictions by a softmax',
            f'but the loss of `model.{name}`, {type(loss).__name__}, takes '
            'each class by itself', 'Set CrossEntropyLoss or LabelSmoothLoss '
            "(mode='original')")
