"""The weights in a checkpoint: taken out, checked against a model, loaded."""
from collections.abc import Mapping, Sequence

from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from mmjtln.datasets.class_lists import quote_names
from mmjtln.domains import SOURCE, TARGET

_PREFIX = {TARGET: 'head.', SOURCE: 'source_head.'}


def check_backbone(state: dict, own: dict) -> None:
    """Refuse a checkpoint of another network; MMEngine would only warn."""
    shared = [key for key in state
              if key.startswith('backbone.') and key in own]
    if not any(state[key].shape == own[key].shape for key in shared):
        raise ValueError(
            'A stock checkpoint must hold the weights of the model\'s '
            f'backbone, but none of its {len(state)} keys ({list(state)[:3]}, '
            '...) names one of its `backbone.*` with the same shape. Load the '
            'checkpoint of a classifier with the same `model.backbone`, or '
            'convert it with one of MMPretrain\'s tools/model_converters.')


def take_head(state: dict, backbone_classifier: str | None) -> dict:
    """Remove the head from a state dict and return it.

    Args:
        state (dict): Changed in place.
        backbone_classifier (str, optional): Name of the backbone's last layer
            where that is the classifier.
    """
    prefixes = {_PREFIX[TARGET]: ''}
    if backbone_classifier is not None:
        prefixes[f'backbone.{backbone_classifier}.'] = 'fc.'
    return {
        new + key.removeprefix(old): state.pop(key)
        for old, new in prefixes.items()
        for key in [key for key in state if key.startswith(old)]
    }


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


def check_complete(state: Mapping[str, Tensor], own: Mapping[str, Tensor],
                   needed: bool) -> None:
    """Refuse a checkpoint of which weights are missing, if all are needed.

    MMEngine loads what fits and only warns of the rest. A stock checkpoint
    has one head, which StockCheckpointHook looks at; of the cost matrix only
    training has need.

    Args:
        state (Mapping[str, Tensor]): The checkpoint's state dict.
        own (Mapping[str, Tensor]): That of the model.
        needed (bool): Whether the run tests or resumes; another one trains
            what is missing.

    Raises:
        ValueError: Naming the first of the missing weights.
    """
    names = {key.removeprefix('module.'): value
             for key, value in state.items()}
    parts = ['backbone.', 'neck.']
    if any(key.startswith('source_head.') for key in names):
        parts += ['head.', 'source_head.']
    missing = [
        key for key, value in own.items() if key.startswith(tuple(parts))
        and (key not in names or names[key].shape != value.shape)
    ]
    if needed and missing:
        raise ValueError(
            'A run that tests or resumes needs all weights of its model, but '
            f'{len(missing)} of {len(own)} are missing in the checkpoint or '
            f'have another shape: {", ".join(missing[:3])}, ... Use the '
            'config that the checkpoint was trained with.')
