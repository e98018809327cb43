"""Rule: a checkpoint that is tested or resumed holds the whole model."""
from collections.abc import Mapping

from torch import Tensor


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
