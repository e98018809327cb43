"""A whole head from another: what lies before the last layer, and that."""
import torch
from torch import Tensor, nn

from .last_layer import output_layers
from .transported import transported


@torch.no_grad()
def carry_over(source_head: nn.Module, head: nn.Module, shares: Tensor
               ) -> list[str]:
    """Begin a target head at what a plan makes of the source head.

    Output layers are transported, everything before them is copied.

    Args:
        source_head (ClsHead): Trained on L_s classes.
        head (ClsHead): For L_t classes, otherwise the same; changed in place.
        shares (Tensor): Of :func:`~mmjtln.heads.transported.plan_weights`,
            shape (L_s, L_t).

    Returns:
        list[str]: Names of the head's parameters that were transported.

    Raises:
        TypeError: If one of the heads has no last linear layer.
        ValueError: If the heads differ in more than their classes.
    """
    ends = output_layers(source_head, len(shares))
    target_ends = output_layers(head, shares.shape[1])
    state, own = source_head.state_dict(), head.state_dict()
    names = [f'{name}.{leaf}' for name, layer in ends.items()
             for leaf, _ in layer.named_parameters()]
    shapes, expected = (
        {key: tuple(value.shape)[key in names:]
         for key, value in found.items()} for found in (state, own))
    differing = sorted(key for key in shapes.keys() | expected.keys()
                       if shapes.get(key) != expected.get(key))
    if differing or ends.keys() != target_ends.keys():
        raise ValueError(
            'A head is carried over to one of the same layers, but '
            f'{type(source_head).__name__} and {type(head).__name__} differ '
            f'in {differing[:3] or [*ends, *target_ends]}. Let '
            '`model.source_head` name its class count only.')
    for name in ends:
        state[f'{name}.weight'], bias = transported(
            state[f'{name}.weight'], state.get(f'{name}.bias'), shares)
        if bias is not None:
            state[f'{name}.bias'] = bias
    head.load_state_dict(state)
    return names
