"""The check that all a run needs is there and fits, before its first step."""
from collections.abc import Callable, Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.checks import before_run as table
from mmjtln.checks.run import SPLITS, Run
from mmjtln.checks.warnings import overview
from mmjtln.registry import HOOKS

from .runner import is_training, jtln_model


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Check the data of all splits, heads and metrics before anything runs.

    Takes the place of MMPretrain's ``ClassNumCheckHook``, which knows one
    class count for the whole model. What does not hold stops the run with one
    error that says what was found and what to set. The test set is looked at
    before training, too. What the run is about to do is one line of the log,
    what is seldom meant a warning each.

    """

    # Ahead of the hooks that copy the model (EMA) or build its cost matrix.
    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Check model, data and metrics of a run that trains."""
        if is_training(runner):
            run = _ask(table.TRAINING, runner)
            runner.logger.info(overview(run))
            for warning in table.WARNINGS:
                for sentence in warning(run):
                    runner.logger.warning(sentence)

    def before_train(self, runner: Runner) -> None:
        """Check what a checkpoint may have brought."""
        _ask(table.FIRST_STEP, runner)

    def before_test(self, runner: Runner) -> None:
        """Check the test data, unless training has."""
        if not is_training(runner):
            _ask(table.ANY_RUN, runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check that a checkpoint is of this model and these classes."""
        _ask(table.CHECKPOINT, runner, checkpoint)


ClassCheckHook.__doc__ = f'{ClassCheckHook.__doc__}{table.list_of_checks()}'


def _ask(checks: Sequence[Callable], runner: Runner, *also: dict) -> Run:
    """Ask all checks of a run, which raise, and return it."""
    # The test set of a run that trains is built, too.
    run = Run(runner, jtln_model(runner), {
        split: getattr(runner, f'{split}_dataloader').dataset
        for split in (SPLITS if is_training(runner) else SPLITS[-1:])
        if getattr(runner, f'_{split}_loop') is not None})
    for check in checks:
        check(run, *also)
    return run
