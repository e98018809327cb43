"""Where a resumed run goes on: its schedules and its batches."""
import warnings

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner


def follow_new_length(runner: Runner) -> None:
    """Bring the schedules to where they stand in a run of the new length.

    Those of a checkpoint may be over, at a learning rate of 0 for good. They
    are built anew and stepped through the past. One that heeds the validation
    stays as the checkpoint has it.

    Args:
        runner (Runner): Resumed, before its first step.
    """
    schedules = runner.param_schedulers
    cfg = runner.cfg.get('param_scheduler')
    if not isinstance(schedules, list) or not schedules or cfg is None or any(
            hasattr(schedule, 'need_val_args') for schedule in schedules):
        return
    groups = runner.optim_wrapper.optimizer.param_groups
    for group in groups:
        for key in [key for key in group if key.startswith('initial_')]:
            group[key.removeprefix('initial_')] = group[key]
    schedules = runner.build_param_scheduler(cfg)
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    length = len(runner.train_dataloader)
    with warnings.catch_warnings():
        # torch finds that no optimizer step came between.
        warnings.simplefilter('ignore')
        for done in range(1, runner.iter + 1):
            for schedule in schedules:
                if not schedule.by_epoch or (
                        by_epoch and done % length == 0):
                    schedule.step()
    runner.param_schedulers = schedules


class ResumedBatches:
    """The batches of an iteration-based loop from a later one on.

    A resumed loop asks its iterator for all the batches of the past before
    the first of its own. This one answers None for those and then begins
    where the sampler's place is computed to be.

    Args:
        loop (IterBasedTrainLoop): The loop, over a loader whose batch sampler
            is a :class:`~mmjtln.datasets.JointSampler`.
    """

    def __init__(self, loop: IterBasedTrainLoop) -> None:
        self.loop = loop
        self.past = loop.iter
        self.endless = type(loop.dataloader_iterator)

    def __iter__(self) -> 'ResumedBatches':
        return self

    def __next__(self) -> dict | None:
        if self.past:
            self.past -= 1
            return None
        if isinstance(self.endless, type):
            self._begin()
        return next(self.endless)

    def _begin(self) -> None:
        loader = self.loop.dataloader
        epoch, batch = divmod(self.loop.iter, len(loader))
        loader.batch_sampler.set_epoch(epoch, first_batch=batch)
        self.endless = self.endless(loader)
        self.endless._epoch = epoch  # It counts on from there.
