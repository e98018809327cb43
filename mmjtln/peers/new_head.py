"""What of a classifier is new, and what has been trained before."""
from collections.abc import Callable

from torch import nn


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
