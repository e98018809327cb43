"""The network that looks at images on behalf of a cost builder."""
from collections.abc import Callable, Sequence

from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import MODELS
from torch import nn

from mmjtln.class_lists import quote_names


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


def load_parts(model: nn.Module, checkpoint: str,
               parts: Sequence[str]) -> None:
    """Load the named parts of a checkpoint into a model, all of them.

    As ``mmpretrain.get_model`` does, it keeps what the checkpoint tells about
    its training data in ``model._dataset_meta``.

    Raises:
        ValueError: If weights of these parts are missing or have another
            shape.
    """
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    weights = content.get('state_dict', content)
    # Heads have the class count of their own data set: unless they are
    # asked for, they must not stand in the way.
    others = tuple(f'{name}.' for name, _ in model.named_children()
                   if name not in parts)
    weights = {
        key.removeprefix('module.'): value
        for key, value in weights.items()
        if not key.removeprefix('module.').startswith(others)
    }
    try:
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise ValueError(f'the checkpoint {checkpoint} does not fit the model '
                         f'of the cost builder: {error}') from None
    missing = [
        key for key in missing if key.startswith(tuple(f'{p}.' for p in parts))
    ]
    if missing:
        raise ValueError(
            f'the checkpoint {checkpoint} does not fit the model of the cost '
            f'builder: it lacks {quote_names(missing)}')
    model._dataset_meta = content.get('meta', {}).get('dataset_meta') or {}
