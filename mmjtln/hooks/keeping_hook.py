"""What a hook finds before the first step, kept in the run's checkpoints."""
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.checks.run import is_training
from mmjtln.errors import require


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
            require(self.key in checkpoint, f'A run with {name} resumes one '
                    'with it', f'but the checkpoint has no {self.key!r}',
                    f'Resume a run that had {name}, or start from these '
                    'weights: `load_from`, without `resume`')
            self.kept = checkpoint[self.key]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep it."""
        if self.kept is not None:
            checkpoint[self.key] = self.kept
