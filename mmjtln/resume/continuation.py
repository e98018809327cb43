"""Where a resumed run goes on: its schedules, its batches, what is due."""
import warnings
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmjtln.generators import seed_generators


def seed_step(runner: Runner) -> None:
    """Seed all generators from the place in the run."""
    seed = int(np.random.SeedSequence(
        [runner.seed, runner.iter, get_rank()]).generate_state(
            1, np.uint64)[0])
    seed_generators(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def validation_due(runner: Runner) -> bool:
    """Whether the loop validates at the place it resumes from."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    loop._decide_current_val_interval()
    done, end = ((loop.epoch, loop.max_epochs)
                 if isinstance(loop, EpochBasedTrainLoop) else
                 (loop.iter, loop.max_iters))
    return done >= loop.val_begin and (
        done % loop.val_interval == 0 or done == end)


def follow_new_length(runner: Runner) -> None:
    """Bring the schedules to where they stand in a run of the new length."""
    # Those of a checkpoint may be over, at a learning rate of 0 for good. They
    # are built anew and stepped through the past. One that heeds the
    # validation stays as the checkpoint has it.
    schedules = runner.param_schedulers
    cfg = runner.cfg.get('param_scheduler')
    if not isinstance(schedules, list) or not schedules or cfg is None or any(
            hasattr(schedule, 'need_val_args') for schedule in schedules):
        return
    for group in runner.optim_wrapper.optimizer.param_groups:
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
                if not schedule.by_epoch or (by_epoch and done % length == 0):
                    schedule.step()
    runner.param_schedulers = schedules


class ResumedBatches:
    """The batches of an iteration-based loop, None in place of past ones."""

    # A resumed loop asks for all batches of the past before the first of its
    # own. The sampler's place is computed, so none of them is loaded.
    def __init__(self, loop: IterBasedTrainLoop) -> None:
        self.loop = loop
        self.past = loop.iter
        self.endless: Any = type(loop.dataloader_iterator)

    def __iter__(self) -> 'ResumedBatches':
        return self

    def __next__(self) -> dict | None:
        if self.past:
            self.past -= 1
            return None
        if isinstance(self.endless, type):
            loader = self.loop.dataloader
            epoch, batch = divmod(self.loop.iter, len(loader))
            loader.batch_sampler.set_epoch(epoch, first_batch=batch)
            self.endless = self.endless(loader)
            self.endless._epoch = epoch  # It counts on from there.
        return next(self.endless)

    def skip_iter(self, count: int) -> None:
        """Leave the past out at once, as OneDL's loop asks for it."""
        self.past -= count
