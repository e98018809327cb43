"""Two training runs in step, one of which is killed and resumed.

Each run steps when it is told, by a hook of its config.
"""
import os
import signal
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import wraps
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

import full_size_data
import torch
from full_size_loading import memory, tree
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from timing import in_turn, quartiles

from mmjtln.hosts import host_file

HERE = Path(__file__).parent
TOOLS = dict(
    joint=HERE.parent / 'train.py',
    stock=host_file('tools/train.py'))
#: Steps between checkpoints.
INTERVAL = 3
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

    A step is without the wait for data, the log and the checkpoint. Told is
    also the CPU time that the hooks take before the first step.
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
        """Add the CPU time of a hook's method to the hook's."""
        name = type(function.__self__).__name__

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> None:
            start = time.process_time()
            function(*args, **kwargs)
            self.hooks[name] = (
                self.hooks.get(name, 0.) + time.process_time() - start)

        return timed

    def before_train_iter(self, runner: Runner, *args: Any,
                          **kwargs: Any) -> None:
        """Wait for the turn."""
        self.connection.send(dict(iter=runner.iter, hooks=self.hooks))
        self.connection.recv()
        self.start = clock()

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        """Tell what the step took."""
        self.connection.send(clock() - self.start)


class Run:
    """A training process, 'joint' or 'stock', that steps when it is told."""

    def __init__(self, kind: str, folder: Path, work_dir: Path,
                 args: Namespace, resume: bool = False) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        cfg = (full_size_data.config(folder) if kind == 'joint' else
               full_size_data.stock_config(folder))
        cfg.train_cfg = dict(by_epoch=False, max_iters=args.steps,
                             val_interval=10**9)
        cfg.param_scheduler.T_max = 5200
        cfg.default_hooks.checkpoint.update(
            by_epoch=False, interval=INTERVAL, max_keep_ckpts=-1)
        cfg.train_dataloader.num_workers = args.workers
        cfg.custom_hooks.append(dict(type='TurnsHook'))
        # A GPU's fastest kernels give other bits each time.
        cfg.randomness = dict(
            cfg.randomness, deterministic=torch.cuda.is_available())
        config = work_dir / 'config.py'
        cfg.dump(config)
        path = os.pathsep.join(
            [str(HERE), str(HERE.parents[1]),
             os.environ.get('PYTHONPATH', '')])
        self.log = open(work_dir / f'output_{time.time_ns()}.txt', 'w')
        with Listener() as listener:
            self.began = time.perf_counter()
            self.process = subprocess.Popen(
                [sys.executable, str(TOOLS[kind]), str(config), '--work-dir',
                 str(work_dir), *(['--resume'] if resume else [])],
                env={**os.environ, 'PYTHONPATH': path,
                     ADDRESS: listener.address,
                     'CUBLAS_WORKSPACE_CONFIG': ':4096:8'},
                stdout=self.log, stderr=subprocess.STDOUT,
                start_new_session=True)
            self.connection = listener.accept()
        self.ready = self.connection.recv()

    def step(self) -> float:
        """Take a step and return its seconds, when the next is ready."""
        self.connection.send('go')
        seconds = self.connection.recv()
        self.started = getattr(
            self, 'started', time.perf_counter() - self.began)
        self.ready = self.connection.recv()
        return seconds

    def megabytes(self) -> float:
        """Return the memory of the process and its workers, in MiB."""
        return memory(tree(self.process.pid))

    def kill(self) -> None:
        """Kill the run and its workers with SIGKILL."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def measure_training(folder: Path, args: Namespace) -> Iterator[tuple]:
    """Yield the rows about training."""
    work = folder / 'work'
    # Enough for a checkpoint of both, and a step to wait in.
    args.steps = max(args.steps, 2 * INTERVAL + 2)
    started, kinds = dict(stock=[], joint=[]), ('stock', 'joint')
    runs = {}
    for kind in kinds:
        runs[kind] = Run(kind, folder, work / kind, args)
        runs[kind].step()
        started[kind].append(runs[kind].started)
    times = in_turn({kind: run.step for kind, run in runs.items()},
                    args.steps - 2)
    held = {kind: runs[kind].megabytes() for kind in kinds}
    hooks = runs['joint'].ready['hooks']
    for run in runs.values():
        run.kill()
    # Once more in the other order: each has had a cold start.
    killed = Run('joint', folder, work / 'killed', args)
    for _ in range(INTERVAL + 1):
        killed.step()
    started['joint'].append(killed.started)
    killed.kill()
    again = Run('stock', folder, work / 'again', args)
    again.step()
    started['stock'].append(again.started)
    again.kill()
    resumed = Run('joint', folder, work / 'killed', args, resume=True)
    first = resumed.ready['iter']
    while resumed.ready['iter'] < 2 * INTERVAL:
        resumed.step()
    resumed.kill()

    yield 'Start to first step, s', *(
        statistics.median(started[kind]) for kind in reversed(kinds))
    yield 'of it the class check, CPU s', hooks['ClassCheckHook']
    yield 'of it the run record, CPU s', hooks['ResumableCheckpointHook']
    yield f'Training, {args.workers} workers, MiB', *(
        held[kind] for kind in reversed(kinds))
    low, _, high = quartiles(times['joint'], times['stock'])
    unit = 'ms' if torch.cuda.is_available() else 'CPU ms'
    yield (f'Step, AlexNet, batch 64, {unit}',
           *(1e3 * statistics.median(times[kind])
             for kind in reversed(kinds)),
           f'({low:.3f} to {high:.3f})')
    sizes = [(work / kind / f'iter_{INTERVAL}.pth').stat().st_size / 2**20
             for kind in reversed(kinds)]
    yield 'Checkpoint, MiB', *sizes
    yield ('Killed and resumed: start to first step, s', resumed.started)
    compared, differing = compare(
        *(work / name / f'iter_{2 * INTERVAL}.pth'
          for name in ('joint', 'killed')))
    yield (f'Killed after step {INTERVAL + 1}, resumed from {first}: tensors '
           f'that differ at step {2 * INTERVAL}', f'{differing} of {compared}')


def compare(one: Path, other: Path) -> tuple[int, int]:
    """Count the tensors of two checkpoints, and those that differ."""
    one, other = (dict(tensors(CheckpointLoader.load_checkpoint(
        str(path), map_location='cpu', logger='silent'), ''))
        for path in (one, other))
    differing = [name for name in one.keys() | other.keys()
                 if name not in one or name not in other
                 or not torch.equal(one[name], other[name])]
    return len(one), len(differing)


def tensors(value: object, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors of nested dicts and lists with their paths."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict | list | tuple):
        for key, part in (value.items() if isinstance(value, dict) else
                          enumerate(value)):
            yield from tensors(part, f'{name}/{key}')
