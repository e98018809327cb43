"""What the hooks ask of a run: whether it trains, its model, its past."""
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmjtln.errors import require
from mmjtln.models import JTLNClassifier


def is_training(runner: Runner) -> bool:
    """Whether the run trains, not only tests."""
    return (runner._train_loop is not None
            and not isinstance(runner._train_loop, dict))


def unwrapped(runner: Runner) -> nn.Module:
    """Return the runner's model without wrappers, of whatever they are for."""
    model = runner.model
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def jtln_model(runner: Runner) -> JTLNClassifier:
    """Return the runner's model, see :func:`unwrapped`.

    Raises:
        TypeError: If it is no JTLNClassifier.
    """
    model = unwrapped(runner)
    require(isinstance(model, JTLNClassifier),
            'The hooks of mmjtln serve a JTLNClassifier',
            f'but `model.type` is {type(model).__name__}',
            'Set it to mmjtln.JTLNClassifier, or remove the hooks from '
            '`custom_hooks`', TypeError)
    return model


def resumed_value(checkpoint: dict, key: str, why: str, hook: str) -> object:
    """Return what a hook has put into the checkpoint that is resumed.

    Raises:
        ValueError: If there is nothing under this key, saying ``why`` it is
            needed and by which ``hook``.
    """
    require(key in checkpoint, why, 'but the one resumed has none',
            f'Resume a run that had {hook}, or start from these weights: '
            '`load_from`, without `resume`')
    return checkpoint[key]
