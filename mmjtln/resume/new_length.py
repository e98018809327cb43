"""Going on with a run for longer than it was first meant to be."""
import warnings

from mmengine.runner import EpochBasedTrainLoop, Runner


def follow_new_length(runner: Runner) -> None:
    """Bring the schedules to where they stand in a run of the new length.

    A checkpoint holds schedules of the old length, which may be over, at a
    learning rate of 0 for good. They are built anew and stepped through the
    past, so that they go on as in a run that had this length from the start.
    One that heeds the validation stays as the checkpoint has it.

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
