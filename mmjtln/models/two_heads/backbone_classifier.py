"""Backbones that end in a classifier of their own, as VGG's does.

Some of MMPretrain's backbones (VGG, AlexNet, LeNet5, InceptionV3) hold their
last linear layer themselves, under a ``ClsHead`` that only passes its output
on. Two heads need what stands before that layer, so it leaves the backbone
and becomes a ``LinearClsHead``: the same network, cut one layer earlier.
"""
import inspect

from torch import nn

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
