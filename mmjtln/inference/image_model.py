"""The network that looks at images on behalf of a cost builder."""
from collections.abc import Callable, Sequence

from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch import nn

from mmjtln.checkpoints.weights import load_parts


def image_model(config: dict | str | None, checkpoint: str | None,
                device: str | None,
                parts: Callable[[nn.Module], Sequence[str]],
                current: nn.Module | None) -> nn.Module | None:
    """Return the network that a cost builder shall use.

    Args:
        config (dict | str, optional): Config of the model, or the name or the
            config file of one that ``mmpretrain.get_model`` knows. None takes
            ``current``.
        checkpoint (str, optional): Weights for ``config``.
        device (str, optional): Where to put the model of ``config``. None
            takes the device of ``current``, else MMEngine's choice.
        parts (Callable): Tells of a model which of its parts matter, such as
            ``('backbone', 'neck')``; the others may be absent from the
            checkpoint or have other shapes there.
        current (nn.Module, optional): The model being trained.

    Returns:
        nn.Module | None: The model, not wrapped for distributed training;
        None if neither ``config`` nor ``current`` is given.

    Raises:
        ValueError: If the model cannot extract features, or the checkpoint
            does not fit it.
    """
    if current is not None and is_model_wrapper(current):
        current = current.module
    if config is None:
        if checkpoint is not None:
            raise ValueError(
                'checkpoint of a cost builder needs its model config: give '
                'model=dict(type=...) or a config file too')
        model = current
    else:
        model = _build(config)
    if model is None:
        return None
    if not hasattr(model, 'extract_feat'):
        raise ValueError(f'{type(model).__name__} has no extract_feat: use a '
                         'classifier of MMPretrain')
    if model is current:
        return model
    if checkpoint is not None:
        load_parts(model, checkpoint, parts(model))
    if device is None:
        device = (
            next(current.parameters()).device
            if current is not None else get_device())
    return model.to(device)


def _build(config: dict | str) -> nn.Module:
    if isinstance(config, str):
        from mmpretrain import get_model
        return get_model(config, pretrained=False, device='cpu')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(config)


