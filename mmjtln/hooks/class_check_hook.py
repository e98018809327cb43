"""The check that all a run needs is there and fits, before its first step."""
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.checks import before_run as table
from mmjtln.checks.run import Run, is_training
from mmjtln.checks.warnings import overview
from mmjtln.registry import HOOKS


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Check the data of all splits, heads and metrics before anything runs.

    Takes the place of MMPretrain's ``ClassNumCheckHook``, which knows one
    class count for the whole model. What does not hold stops the run with one
    error that says what was found and what to set. What the run is about to
    do is one line of the log, what is seldom meant a warning each.

    """

    # Ahead of the hooks that copy the model (EMA) or build its cost matrix.
    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Check model, data and metrics of a run that trains."""
        if is_training(runner):
            run = Run.of(runner)
            for check in table.TRAINING:
                check(run)
            runner.logger.info(overview(run))
            for warning in table.WARNINGS:
                for sentence in warning(run):
                    runner.logger.warning(sentence)

    def before_train(self, runner: Runner) -> None:
        """Check what a checkpoint may have brought."""
        for check in table.FIRST_STEP:
            check(Run.of(runner))

    def before_test(self, runner: Runner) -> None:
        """Check the test data, unless training has."""
        if not is_training(runner):
            run = Run.of(runner)
            for check in table.ANY_RUN:
                check(run)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check that a checkpoint is of this model and these classes."""
        for check in table.CHECKPOINT:
            check(Run.of(runner), checkpoint)


ClassCheckHook.__doc__ = f'{ClassCheckHook.__doc__}{table.list_of_checks()}'
