"""The paper's full size, rehearsed on made-up data, beside MMPretrain alone.

    OMP_NUM_THREADS=1 python tools/benchmarks/full_size.py

Data: both annotation lists at their full length (ILSVRC2012, FGVC-Aircraft), a
few thousand JPEG files of 500 x 375 pixels standing for all, see
`full_size_data.py`. The ready config runs by `tools/train.py`, a stock run of
the source by MMPretrain's own, in turn; figures are medians. Each run ends
after some steps by SIGKILL, and a joint one is then resumed. Memory is what
processes take of the machine, shared pages counted once. Linux only.
"""
import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import full_size_data
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from timing import in_turn, quartiles

from mmjtln.hosts import host_file

HERE = Path(__file__).parent
TOOLS = dict(joint=HERE.parent / 'train.py', stock=host_file('tools/train.py'))
#: Steps between checkpoints.
INTERVAL = 3
#: Environment variable: when a run was started, in seconds.
BEGAN = 'FULL_SIZE_BEGAN'


def clock() -> float:
    """Return seconds: of CPU time or, with a GPU, when its work is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            found += tree(int(child))
    return found


def memory(pids: Iterable[int], field: str = 'Pss') -> float:
    """Return MiB of processes.

    ``Pss`` divides a shared page among those who share it, so that its sum
    is what the processes take of the machine; ``Private`` is what is gone
    when they end.
    """
    return sum(
        int(kilobytes) for pid in pids for kilobytes in re.findall(
            rf'^{field}(?:_Clean|_Dirty)?: +(\d+) kB',
            Path(f'/proc/{pid}/smaps_rollup').read_text(), re.M)) / 1024


@HOOKS.register_module(force=True)
class MeasureHook(Hook):
    """Write what a run takes into its work directory, then kill it.

    Steps are without the wait for data, the log and the checkpoint.

    Args:
        steps (int): How many it takes.
    """

    # Before all others, so that theirs are measured.
    priority = 0

    def __init__(self, steps: int) -> None:
        self.count = steps
        self.steps, self.found = [], {}

    def before_run(self, runner: Runner) -> None:
        """Time what the other hooks do before the first step."""
        for hook in runner.hooks:
            if hook is not self:
                for stage in ('before_run', 'before_train'):
                    setattr(hook, stage, self._timed(getattr(hook, stage)))

    def _timed(self, function: Callable) -> Callable:
        name = f'{type(function.__self__).__name__}, CPU s'

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> None:
            start = time.process_time()
            function(*args, **kwargs)
            self.found[name] = (
                self.found.get(name, 0.) + time.process_time() - start)

        return timed

    def before_train_iter(self, runner: Runner, *args: Any,
                          **kwargs: Any) -> None:
        """Start the clock, or end the run."""
        if len(self.steps) == self.count:
            self._end(runner)
        self.start = clock()

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        """Stop the clock."""
        self.steps.append(clock() - self.start)
        self.found.setdefault('Start to first step, s',
                              time.time() - float(os.environ[BEGAN]))

    def _end(self, runner: Runner) -> None:
        processes = tree(os.getpid())
        self.found['Main process and workers, MiB'] = memory(processes)
        self.found['Private to a worker, MiB'] = statistics.median(
            memory([pid], 'Private') for pid in processes[1:])
        loader = runner.train_dataloader
        sampler = (loader.batch_sampler if hasattr(
            loader.batch_sampler, 'set_epoch') else loader.sampler)
        start = time.process_time()
        sampler.set_epoch(40)
        next(iter(sampler))
        self.found['Order of epoch 40, CPU ms'] = 1e3 * (
            time.process_time() - start)
        size = Path(runner.work_dir, f'iter_{INTERVAL}.pth').stat().st_size
        self.found['Checkpoint, MiB'] = size / 2**20
        Path(runner.work_dir, 'found.json').write_text(
            json.dumps([self.found, self.steps]))
        os.killpg(0, signal.SIGKILL)


def run(kind: str, folder: Path, work_dir: Path, args: argparse.Namespace,
        resume: bool = False) -> tuple[dict, list[float]]:
    """Run 'joint' or 'stock'; return figures by name, seconds of the steps."""
    work_dir.mkdir(parents=True, exist_ok=True)
    cfg = (full_size_data.config if kind == 'joint' else
           full_size_data.stock_config)(folder)
    cfg.train_cfg = dict(by_epoch=False, max_iters=5200, val_interval=10**9)
    cfg.param_scheduler.T_max = 5200
    cfg.default_hooks.checkpoint.update(
        by_epoch=False, interval=INTERVAL, max_keep_ckpts=-1)
    cfg.train_dataloader.num_workers = args.workers
    cfg.custom_imports.imports.append(Path(__file__).stem)
    cfg.custom_hooks.append(dict(type='MeasureHook', steps=args.steps))
    cfg.dump(work_dir / 'config.py')
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]),
                            os.environ.get('PYTHONPATH', '')])
    output = work_dir / 'output.txt'
    with open(output, 'w') as log:
        ended = subprocess.run(
            [sys.executable, TOOLS[kind], work_dir / 'config.py',
             '--work-dir', work_dir, *['--resume'] * resume],
            env={**os.environ, 'PYTHONPATH': path, BEGAN: str(time.time())},
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    if ended.returncode != -signal.SIGKILL:
        raise SystemExit(output.read_text()[-3000:])
    return json.loads((work_dir / 'found.json').read_text())


def row(name: str, joint: float, stock: float | None = None,
        note: str = '') -> str:
    """Return a row of the table."""
    ratio = f'{joint / stock:.3f} {note}'.strip() if stock else ''
    other = f'{stock:.4g}' if stock else ''
    return f'| {name} | {joint:.4g} | {other} | {ratio} |'


def measure(folder: Path, args: argparse.Namespace) -> None:
    """Run both in turn, and print the rows."""
    homes = {kind: (folder / f'{kind}{number}' for number in range(99))
             for kind in ('stock', 'joint')}
    runs = in_turn({kind: lambda k=kind: run(k, folder, next(homes[k]), args)
                    for kind in homes}, args.repeats)
    found = {kind: {name: statistics.median(part[name] for part, _ in parts)
                    for name in parts[0][0]} for kind, parts in runs.items()}
    for name, value in found['joint'].items():
        if 'Hook' not in name or value > 0.5:
            print(row(name, value, found['stock'].get(name)))
    # The first step of a run is slower.
    steps = {kind: [step for _, taken in parts for step in taken[1:]]
             for kind, parts in runs.items()}
    low, _, high = quartiles(steps['joint'], steps['stock'])
    print(row('Step, CPU ms' if not torch.cuda.is_available() else 'Step, ms',
              *(1e3 * statistics.median(steps[kind])
                for kind in ('joint', 'stock')), f'({low:.3f} to {high:.3f})'))
    resumed, _ = run('joint', folder, folder / 'joint0', args, resume=True)
    name = 'Start to first step, s'
    print(row(f'Killed and resumed: {name}', resumed[name]))


def main() -> None:
    """Make the data and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--images', type=int, default=1281167,
                        help='lines of the source\'s list')
    parser.add_argument('--pictures', type=int, default=2000,
                        help='JPEG files that stand for all')
    parser.add_argument('--workers', type=int, default=8)
    parser.add_argument('--repeats', type=int, default=2,
                        help='runs of each kind')
    parser.add_argument('--steps', type=int, default=12,
                        help='training steps of each run')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        full_size_data.make(folder, args.images, args.pictures)
        device = (torch.cuda.get_device_name() if torch.cuda.is_available()
                  else 'CPU')
        print(f'{args.images} and 3334 images, {device}, torch '
              f'{torch.__version__}\n')
        print('| | JTLN | MMPretrain alone | ratio |\n|---|---|---|---|')
        measure(folder, args)


if __name__ == '__main__':
    main()
