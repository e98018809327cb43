"""The last linear layer of a classifier: in its head, or in its backbone."""
import inspect
from collections.abc import Callable

from mmpretrain.models import (
    ConformerHead,
    DeiTClsHead,
    EfficientFormerClsHead,
    LeViTClsHead,
)
from torch import nn

#: Heads that may predict from the mean or sum of two classifiers.
_SEVERAL = (ConformerHead, DeiTClsHead, EfficientFormerClsHead, LeViTClsHead)


def output_layers(head: nn.Module, num_classes: int) -> dict[str, nn.Linear]:
    """Find the layers that give a head's logits.

    Args:
        head (ClsHead): A single-label head.
        num_classes (int): Its number of classes.

    Returns:
        dict[str, nn.Linear]: By name; several for distilled heads, which
        predict from two classifiers.

    Raises:
        TypeError: If the head's last layer is no ``nn.Linear`` to its
            classes; the message names it.
    """
    layers = {name: layer for name, layer in head.named_modules()
              if isinstance(layer, nn.Linear)}
    ends = {name: layer for name, layer in layers.items()
            if layer.out_features == num_classes}
    # A hidden layer may happen to be as wide.
    found = ends if isinstance(head, _SEVERAL) else dict(
        list(ends.items())[-1:])
    if not found or list(layers)[-1] not in found:
        raise TypeError(
            'A head is carried over by its last layer, which must be an '
            f'nn.Linear to the {num_classes} classes, but '
            f'{type(head).__name__} has '
            f'{[str(layer) for layer in layers.values()][-1:] or "none"}. '
            'Use e.g. LinearClsHead.')
    return found


def last_linear(model: nn.Module) -> str:
    """Return the name of the linear layer that gives the target's logits.

    It is the last one of ``head`` or, where that passes on what the backbone
    gives (VGG, LeNet-5 under a bare ``ClsHead``), of ``backbone``.

    Raises:
        TypeError: If there is none.
    """
    for part in ('head', 'backbone'):
        linear = [name for name, module in
                  getattr(model, part).named_modules(prefix=part)
                  if isinstance(module, nn.Linear)]
        if linear:
            return linear[-1]
    raise TypeError(
        'A classifier that ends in a linear layer is needed, but neither '
        f'`model.head` ({type(model.head).__name__}) nor `model.backbone` '
        'has one. Use e.g. LinearClsHead.')


def is_of_new_head(model: nn.Module) -> Callable[[str], bool]:
    """Return what tells of a parameter's name whether the head holds it.

    Args:
        model (ImageClassifier): Its ``head`` or, where that has no
            parameters, the last linear layer of its ``backbone``.
    """
    part = 'head' if any(True for _ in model.head.parameters()) else (
        last_linear(model))
    return lambda name: name.startswith(f'{part}.')


_BARE_HEADS = ('ClsHead', 'mmpretrain.ClsHead')


def is_bare_head(head: dict) -> bool:
    """Whether a head's config is that of a head without a classifier."""
    return head.get('type') in _BARE_HEADS


def detach_classifier(backbone: nn.Module) -> tuple[str, int] | None:
    """Take the last linear layer out of a backbone.

    Args:
        backbone (nn.Module): Changed in place: an ``nn.Identity`` takes the
            layer's place.

    Returns:
        tuple[str, int] | None: Name of the layer in the backbone and the
        length of the features it classified; None if the backbone does not
        end in a classifier, that is, takes no ``num_classes`` or was built
        without (-1).
    """
    takes = inspect.signature(type(backbone).__init__).parameters
    linear = [(name, module) for name, module in backbone.named_modules()
              if isinstance(module, nn.Linear)]
    if 'num_classes' not in takes or not linear:
        return None
    name, layer = linear[-1]
    parent, _, leaf = name.rpartition('.')
    setattr(backbone.get_submodule(parent), leaf, nn.Identity())
    return name, layer.in_features


def linear_head(head: dict, in_channels: int) -> dict:
    """Turn a bare head's config into that of a linear one."""
    return {**head, 'type': 'mmpretrain.LinearClsHead',
            'in_channels': in_channels}
