"""What the hooks ask of a joint run: whether it trains, and its model."""
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner

from mmjtln.models import JTLNClassifier


def is_training(runner: Runner) -> bool:
    """Whether the run trains, not only tests."""
    return (runner._train_loop is not None
            and not isinstance(runner._train_loop, dict))


def jtln_model(runner: Runner) -> JTLNClassifier:
    """Return the runner's model without what wraps it.

    Wrappers are those of distributed training and test-time augmentation.

    Raises:
        TypeError: If it is no JTLNClassifier.
    """
    model = runner.model
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    if not isinstance(model, JTLNClassifier):
        raise TypeError(
            'The hooks of mmjtln serve a JTLNClassifier, but `model.type` is '
            f'{type(model).__name__}. Set it to mmjtln.JTLNClassifier or '
            'remove the hooks from `custom_hooks`.')
    return model
