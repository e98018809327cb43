"""The last linear layer of a classifier: in its head, or in its backbone."""
import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from mmpretrain.models import (
    ConformerHead,
    DeiTClsHead,
    EfficientFormerClsHead,
    LeViTClsHead,
)
from torch import nn

from mmjtln.errors import require

#: Heads that may predict from the mean or sum of two classifiers.
_SEVERAL = (ConformerHead, DeiTClsHead, EfficientFormerClsHead, LeViTClsHead)


def _linear_layers(module: nn.Module) -> dict[str, nn.Linear]:
    """Return a module's linear layers by name, the last one last."""
    return {name: layer for name, layer in module.named_modules()
            if isinstance(layer, nn.Linear)}


def output_layers(head: nn.Module, num_classes: int) -> dict[str, nn.Linear]:
    """Find the layers that give a single-label head's logits, by name."""
    layers = _linear_layers(head)
    ends = {name: layer for name, layer in layers.items()
            if layer.out_features == num_classes}
    # Distilled heads predict from two; a hidden layer may be as wide.
    found = ends if isinstance(head, _SEVERAL) else dict(
        list(ends.items())[-1:])
    require(found and list(layers)[-1] in found,
            f'The last layer of a head must be an nn.Linear to {num_classes} '
            'classes', f'but {type(head).__name__} has '
            f'{[str(layer) for layer in layers.values()][-1:] or "none"}',
            'Use e.g. LinearClsHead', TypeError)
    return found


def with_classes(head: nn.Module, num_classes: int, wanted: int) -> nn.Module:
    """Copy a head of ``num_classes``, with new last layers to ``wanted``."""
    head = deepcopy(head)
    for name, layer in output_layers(head, num_classes).items():
        parent, _, leaf = name.rpartition('.')
        setattr(head.get_submodule(parent), leaf, nn.Linear(
            layer.in_features, wanted, bias=layer.bias is not None))
    return head


def last_linear(model: nn.Module) -> str:
    """Name the layer that gives the target's logits, in head or backbone."""
    # VGG and LeNet-5 classify in the backbone, under a bare ``ClsHead``.
    names = [f'{part}.{name}' for part in ('backbone', 'head')
             for name in _linear_layers(getattr(model, part))]
    require(names, 'A classifier that ends in a linear layer is needed',
            f'but neither `model.head` ({type(model.head).__name__}) nor '
            '`model.backbone` has one', 'Use e.g. LinearClsHead', TypeError)
    return names[-1]


def is_of_new_head(model: nn.Module) -> Callable[[str], bool]:
    """Return what tells of a parameter's name whether the head holds it."""
    part = 'head' if [*model.get_submodule('head').parameters()] else (
        last_linear(model))
    return lambda name: name.startswith(f'{part}.')


def is_bare_head(head: dict[str, Any]) -> bool:
    """Whether a head's config is that of a head without a classifier."""
    return head.get('type') in ('ClsHead', 'mmpretrain.ClsHead')


def detach_classifier(backbone: nn.Module) -> tuple[str, int] | None:
    """Put an ``nn.Identity`` in the place of a backbone's last linear layer.

    Returned are its name and the length of the features it classified; None
    of a backbone that takes no ``num_classes`` or was built without (-1).
    """
    takes = inspect.signature(type(backbone).__init__).parameters
    layers = _linear_layers(backbone)
    if 'num_classes' not in takes or not layers:
        return None
    name = list(layers)[-1]
    parent, _, leaf = name.rpartition('.')
    setattr(backbone.get_submodule(parent), leaf, nn.Identity())
    return name, layers[name].in_features
