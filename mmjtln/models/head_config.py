"""What turns the config of a stock classifier into one with two heads."""
import difflib
import inspect
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from mmengine.config import Config
from mmpretrain.models import ClsHead
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from torch import nn

from mmjtln.domains import SOURCE, TARGET
from mmjtln.heads.last_layer import (
    detach_classifier,
    is_bare_head,
    linear_head,
)

_STOCK_PREPROCESSORS = (None, 'ClsDataPreprocessor',
                        'mmpretrain.ClsDataPreprocessor')
#: Options of MMPretrain's losses that hold a value for each class.
_PER_CLASS = ('class_weight', 'pos_weight')


@dataclass(frozen=True)
class JointParts:
    """The parts of a network with two heads, checked.

    Args:
        backbone (dict | nn.Module): A module where its own last layer has
            become the heads.
        head (dict): The target head.
        source_head (dict): The source head.
        class_counts (dict[str, int]): By domain.
        backbone_classifier (str, optional): Name of the layer that has left
            the backbone.
    """

    backbone: dict | nn.Module
    head: dict
    source_head: dict
    class_counts: dict[str, int]
    backbone_classifier: str | None = None

    @classmethod
    def of(cls, backbone: dict, neck: dict | None, head: dict | None,
           source_head: dict | None) -> 'JointParts':
        """Read the configs that a JTLN is given.

        Raises:
            ValueError: If a head is missing, its number of classes is not
                named, or a type is unknown.
            TypeError: If a head is not a single-label head, or is a bare one
                over a backbone without a classifier.
        """
        source_head = complete_source_head(head, source_head)
        for name, cfg in (('backbone', backbone), ('neck', neck or {}),
                          ('head', head), ('source_head', source_head)):
            check_type(name, cfg)
        counts = {
            TARGET: class_count('head', head),
            SOURCE: class_count('source_head', source_head)
        }
        check_class_options('head', head)
        check_class_options('source_head', source_head)
        heads = [with_class_count(head), with_class_count(source_head)]
        if not all(map(is_bare_head, heads)):
            return cls(backbone, *heads, counts)
        backbone = MMPRETRAIN_MODELS.build(backbone)
        classifier = detach_classifier(backbone)
        if classifier is None:
            raise TypeError(
                '`model.head` is a bare ClsHead, which passes on what the '
                f'backbone gives, but {type(backbone).__name__} does not '
                'end in a classifier (its `num_classes`). Use e.g. '
                'LinearClsHead.')
        name, in_channels = classifier
        heads = [linear_head(head, in_channels) for head in heads]
        return cls(backbone, *heads, counts, name)


def complete_source_head(head: dict | None, source_head: dict | None) -> dict:
    """Lay what ``source_head`` names over a copy of ``head``.

    The copy is without what the loss of ``head`` has for each target class,
    such as ``class_weight``.

    Raises:
        ValueError: If one of the two is missing.
    """
    for name, cfg in (('head', head), ('source_head', source_head)):
        if not isinstance(cfg, dict):
            raise ValueError(
                f'A JTLNClassifier needs the configs of two heads, but `{name}'
                f'` is {cfg!r}. Name at least `model.{name}.num_classes`.')
    if 'type' in source_head:
        return source_head
    own = _without_class_options(
        deepcopy(dict(head)), dict(source_head.get('loss') or {}))
    return Config._merge_a_into_b(dict(source_head), own)


def _without_class_options(head: dict, named: dict) -> dict:
    """Take out of a head's loss what is sized by its classes.

    Args:
        head (dict): The target head, a copy; changed in place.
        named (dict): What the loss of the source head names itself.

    Raises:
        ValueError: If an option of the loss could be one a class.
    """
    loss = head.get('loss')
    for key, value in list(loss.items() if isinstance(loss, dict) else ()):
        if key in _PER_CLASS:
            del loss[key]
        elif (isinstance(value, Sequence) and not isinstance(value, str)
              and len(value) == head.get('num_classes')
              and key not in named):
            raise ValueError(
                f'`model.head.loss.{key}` has a value for each target class, '
                'it seems, and the source head would inherit it. Set '
                f'`model.source_head.loss.{key}` to its own.')
    return head


def check_class_options(name: str, head: dict) -> None:
    """Refuse options of a loss that do not hold a value for each class.

    Raises:
        ValueError: Naming the head and the option.
    """
    loss = head.get('loss')
    for key in _PER_CLASS if isinstance(loss, dict) else ():
        values = loss.get(key)
        if values is not None and not isinstance(
                values, str) and len(values) != head['num_classes']:
            raise ValueError(
                f'`model.{name}.loss.{key}` must have a value for each of '
                f'the {head["num_classes"]} classes of `model.{name}`, got '
                f'{len(values)}.')


def class_count(name: str, head: dict) -> int:
    """Return a head's number of classes.

    Raises:
        ValueError: If its config names none.
    """
    count = head.get('num_classes')
    if count is None:
        raise ValueError(
            f'`model.{name}.num_classes` is not set. Set it, or train with '
            "mmjtln's tools/train.py or apis.train, which take None from the "
            'data; for other tools use the config that a run writes into its '
            'work directory.')
    if type(count) is not int or count < 1:
        raise ValueError(
            'A head needs a positive number of classes, but '
            f'`model.{name}.num_classes` is {count!r}. Set it in the config.')
    return count


def with_class_count(head: dict) -> dict:
    """Give a loss that names a number of classes that of its own head."""
    loss = head.get('loss')
    if isinstance(loss, dict) and loss.get('num_classes') is not None:
        loss = {**loss, 'num_classes': head['num_classes']}
        head = {**head, 'loss': loss}
    return head


def joint_preprocessor(cfg: dict | nn.Module | None, counts: dict[str, int]
                       ) -> dict | nn.Module:
    """Make a stock data preprocessor's config one for two domains.

    Args:
        cfg (dict | nn.Module, optional): Config of the data preprocessor.
        counts (dict[str, int]): Number of classes of each domain.
    """
    if cfg is None or isinstance(cfg, dict):
        cfg = dict(cfg or {})
        if cfg.get('type') in _STOCK_PREPROCESSORS:
            cfg['type'] = 'mmjtln.JointDataPreprocessor'
        if cfg['type'] == 'mmjtln.JointDataPreprocessor':
            cfg.update(
                num_classes=counts[TARGET], num_source_classes=counts[SOURCE])
    return cfg


def check_type(name: str, cfg: dict | nn.Module) -> None:
    """Refuse a part whose type is unknown, or a head that is no classifier.

    Heads are looked at before they are built: the head of a self-supervised
    model takes no ``num_classes`` and would say only that.

    Args:
        name (str): ``'backbone'``, ``'neck'``, ``'head'`` or
            ``'source_head'``.
        cfg (dict | nn.Module): Its config.

    Raises:
        ValueError: If no registry knows the type.
        TypeError: If a head is no :class:`~mmpretrain.models.ClsHead`.
    """
    kind = cfg.get('type') if isinstance(cfg, dict) else None
    if isinstance(kind, str):
        known = MMPRETRAIN_MODELS.get(kind)
        if known is None:
            near = difflib.get_close_matches(
                kind, MMPRETRAIN_MODELS.module_dict, 3)
            raise ValueError(
                f'`model.{name}.type` must be a registered type, but {kind!r} '
                f'is none{f"; near it are {near}" if near else ""}. Fix it, '
                'or import the module that registers it: `custom_imports`.')
        kind = known
    if 'head' in name and inspect.isclass(kind) and not issubclass(
            kind, ClsHead):
        raise TypeError(
            f'`model.{name}` must be a single-label classification head, but '
            f'{kind.__name__} is no ClsHead: a JTLN is made of a classifier, '
            'not of a multi-label or a self-supervised model. Use e.g. '
            'LinearClsHead.')


def check_head(name: str, head: nn.Module) -> None:
    """Refuse a head from which logits cannot be had without the labels.

    Raises:
        TypeError: Naming the head and what to use.
    """
    rule = (f'`model.{name}` must be a single-label head that gives logits '
            f'without the labels, got {type(head).__name__}')
    if type(head).forward is ClsHead.forward:
        raise TypeError(f'{rule}, which has no classifier of its own. '
                        'Use e.g. LinearClsHead.')
    if len(inspect.signature(head.forward).parameters) > 1:
        raise TypeError(f'{rule}, whose forward takes the labels as well '
                        '(a margin loss). Use e.g. LinearClsHead.')
