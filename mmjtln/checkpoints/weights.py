"""The weights in a checkpoint: taken out, checked against a model, loaded."""
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from mmjtln.datasets.class_lists import checkpoint_meta, quote_names
from mmjtln.errors import require


def state_of(checkpoint: Mapping) -> dict[str, Tensor]:
    """Return the weights in a checkpoint, named as of an unwrapped model."""
    return {key.removeprefix('module.'): value for key, value in
            checkpoint.get('state_dict', checkpoint).items()
            if isinstance(value, Tensor)}


def load_weights(model: nn.Module, state: Mapping[str, Tensor], name: str,
                 parts: Sequence[str] | None = None) -> None:
    """Load weights, of :func:`state_of`, into a model, all of them or none.

    ``parts`` are the modules that are loaded, such as ``('backbone', )``; None
    is all but the OT loss. ``name`` is what an error calls the checkpoint.
    """
    prefixes = tuple(f'{part}.' for part in parts or ('ot_loss', ))
    state, own = ({key: value for key, value in found.items()
                   if key.startswith(prefixes) == (parts is not None)}
                  for found in (state, model.state_dict()))
    wrong = sorted(own.keys() ^ state.keys()) or [
        key for key in own if own[key].shape != state[key].shape]
    require(not wrong, f'The checkpoint {name} must hold the weights of the '
            f'model ({", ".join(parts or ("all", ))})',
            f'but {len(wrong)} are missing, unknown or of another shape: '
            f'{quote_names(wrong[:3])}',
            'Give the config that it was trained with')
    broken = [key for key, value in state.items()
              if not value.isfinite().all()]
    require(not broken, f'The weights in {name} must be finite', 'but '
            f'{quote_names(broken[:3])} are not', 'Give an earlier checkpoint')
    model.load_state_dict(state, strict=False)


def load_file(model: nn.Module, checkpoint: str | Path,
              parts: Sequence[str] | None = None) -> dict:
    """Load a file into a model, see above; return the checkpoint's ``meta``.

    As ``mmpretrain.get_model`` does, it sets ``model._dataset_meta``.
    """
    loaded = CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu')
    state = state_of(loaded)
    load_weights(model, state, str(checkpoint), parts)
    cost = state.get('ot_loss.cost')
    if parts is None and cost is not None and getattr(
            model, 'ot_loss', None) is not None:
        model.ot_loss.set_cost(cost)
    model._dataset_meta = checkpoint_meta(loaded)
    return loaded.get('meta') or {}


def part_stock_head(checkpoint: Mapping,
                    model: nn.Module) -> tuple[dict, dict]:
    """Part a stock classifier's weights: those of the head, and the others."""
    state, own = state_of(checkpoint), model.state_dict()
    require(any(key.startswith('backbone.') and key in own
                and value.shape == own[key].shape
                for key, value in state.items()), 'A stock '
            "checkpoint must hold the weights of the model's backbone", 'but '
            f'none of its {len(state)} keys ({list(state)[:3]}, ...) names '
            'one of its `backbone.*` with the same shape', 'Load that of a '
            'classifier with the same `model.backbone`, or convert it with '
            "one of MMPretrain's tools/model_converters")
    return take_head(state, model.backbone_classifier), state


def take_head(state: dict, backbone_classifier: str | None) -> dict:
    """Remove the head from a state dict and return it, without prefix."""
    prefixes = {'head.': ''}
    if backbone_classifier is not None:
        prefixes[f'backbone.{backbone_classifier}.'] = 'fc.'
    return {new + key.removeprefix(old): state.pop(key)
            for old, new in prefixes.items()
            for key in list(state) if key.startswith(old)}
