"""What the hooks ask of a run, and the one that keeps what it has found."""
from typing import Any

from mmengine.hooks import Hook
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
    """Return the runner's model, unwrapped; refuse one of another type."""
    model = unwrapped(runner)
    require(isinstance(model, JTLNClassifier),
            'The hooks of mmjtln serve a JTLNClassifier',
            f'but `model.type` is {type(model).__name__}',
            'Set it to mmjtln.JTLNClassifier, or remove the hooks from '
            '`custom_hooks`', TypeError)
    return model


class KeepingHook(Hook):
    """A hook that finds something before the first step, and keeps it.

    ``kept`` is None until it is found. It travels in the checkpoints of the
    run under ``key``, and a resumed run has it from there.
    """

    key = ''
    kept: Any = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take what the run that is resumed has found."""
        if is_training(runner) and runner._resume:
            name = type(self).__name__
            require(self.key in checkpoint,
                    f'A run with {name} resumes one with it',
                    f'but the checkpoint has no {self.key!r}', 'Resume a run '
                    f'that had {name}, or start from these weights: '
                    '`load_from`, without `resume`')
            self.kept = checkpoint[self.key]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep it."""
        if self.kept is not None:
            checkpoint[self.key] = self.kept
