"""A hook by which two training processes take their steps in turn."""
import os
import time
from collections.abc import Callable
from functools import wraps
from multiprocessing.connection import Client
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

#: Environment variable: the socket of the process that gives the turns.
ADDRESS = 'FULL_SIZE_TURNS'


def clock() -> float:
    """Return seconds: of CPU time or, with a GPU, when its work is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


@HOOKS.register_module(force=True)
class TurnsHook(Hook):
    """Wait for the word before each step, and tell how long it took.

    A step is all between the first ``before_train_iter`` and the first
    ``after_train_iter``: without the wait for data, the log and the
    checkpoint. Told is the CPU time of the process, which others on the
    machine disturb little, or the time on a GPU; and the CPU time that the
    hooks take before the first step.
    """

    # Before all others, so that theirs are measured.
    priority = 0

    def __init__(self) -> None:
        self.connection = Client(os.environ[ADDRESS])
        self.hooks = {}

    def before_run(self, runner: Runner) -> None:
        """Time what the other hooks do before the first step."""
        for hook in runner.hooks:
            if hook is self:
                continue
            for stage in ('before_run', 'before_train', 'before_train_epoch'):
                setattr(hook, stage, self._timed(getattr(hook, stage)))

    def _timed(self, function: Callable) -> Callable:
        name = type(function.__self__).__name__

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> None:
            start = time.process_time()
            function(*args, **kwargs)
            self.hooks[name] = (
                self.hooks.get(name, 0.) + time.process_time() - start)

        return timed

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Wait for the turn."""
        self.connection.send(dict(iter=runner.iter, hooks=self.hooks))
        self.connection.recv()
        self.start = clock()

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        """Tell what the step took."""
        self.connection.send(clock() - self.start)
