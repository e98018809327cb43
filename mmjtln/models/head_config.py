"""What turns the config of a stock classifier into one with two heads."""
import difflib
import inspect
from copy import deepcopy

from mmengine.config import Config
from mmpretrain.models import ClsHead
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from torch import nn

from mmjtln.domains import SOURCE, TARGET

_STOCK_PREPROCESSORS = (None, 'ClsDataPreprocessor',
                        'mmpretrain.ClsDataPreprocessor')


def complete_source_head(head: dict | None, source_head: dict | None) -> dict:
    """Lay what ``source_head`` names over a copy of ``head``.

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
    return Config._merge_a_into_b(dict(source_head), deepcopy(head))


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
    if not isinstance(count, int) or count < 1:
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


def joint_preprocessor(cfg: dict | nn.Module | None, counts: dict):
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
