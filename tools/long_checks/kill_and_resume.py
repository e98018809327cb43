"""Kill training with SIGKILL, resume it, and compare it with a run in peace.

    python tools/long_checks/kill_and_resume.py

Each variant of a small joint run on the embedded digits is trained once
without interruption, by `tools/train.py` in processes of their own (forked
from this one, which has the imports behind it). Then it is trained again,
kills itself at random moments, every other time while a checkpoint is being
written, and is resumed with `--resume` until it is through.
After each kill all checkpoints in the work directory, and the one that
`last_checkpoint` names, must load. At the end every tensor (weights, their
moving average, optimizer state, best checkpoint), every number of the
schedules, every logged loss of every step and every validation result must
have the same bits. Prints a Markdown table; exits with 1 if anything was
lost.
"""
import argparse
import copy
import multiprocessing
import os
import random
import runpy
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

# What is imported next looks for a GPU. Asked of the driver, a fork could not
# use it afterwards; asked of NVML, it can.
os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')

import torch
from kill_variants import CONFIG, CONTROL, EPOCHS, STEPS, VARIANTS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from run_ends import differing, end_of, flatten, load, unreadable

from mmjtln.datasets import MNIST5k
from mmjtln.export.stock_model import stock_classifier
from mmjtln.files.atomic_file import atomic_write
from mmjtln.resume import atomic_checkpoint_hook

TRAIN = Path(__file__).parents[1] / 'train.py'


class Moment(NamedTuple):
    """When a run kills itself: a time after a step, or within a write."""

    step: int
    in_write: bool
    seconds: float

    def await_it(self) -> None:
        """Kill this process and its workers when the moment has come."""
        call_hook, come = Runner.call_hook, False

        def watched(runner: Runner, name: str, **options: Any) -> None:
            nonlocal come
            if name == 'before_train_iter' and runner.iter >= self.step and (
                    not come):
                come = True
                if self.in_write:
                    atomic_checkpoint_hook.atomic_write = self._write
                else:
                    self._kill_soon()
            if name == 'after_train':
                threading.Event().wait()  # It is killed, even so late.
            call_hook(runner, name, **options)

        Runner.call_hook = watched

    def _kill_soon(self) -> None:
        threading.Timer(self.seconds, os.killpg,
                        (os.getpid(), signal.SIGKILL)).start()

    @contextmanager
    def _write(self, path: str | Path) -> Iterator[BinaryIO]:
        """Write as `atomic_write` does, but never come to the end."""
        with atomic_write(path) as file:
            self._kill_soon()
            yield file
            threading.Event().wait()


def run_tool(arguments: list[str], environment: dict, log: Path,
             moment: Moment | None) -> None:
    """Be a command: the script and its arguments, its output to a file."""
    os.setsid()  # A group of its own, to be killed with its workers.
    with open(log, 'wb') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    torch.set_num_threads(1)
    if moment is not None:
        moment.await_it()
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name='__main__')


class Training:
    """Processes of `tools/train.py` that work together on one run.

    Args:
        config (Path): The config.
        work_dir (Path): The work directory.
        processes (int): How many.
        resume (bool): Whether to go on with what is in ``work_dir``.
        moment (Moment, optional): When the first of them kills itself.
    """

    def __init__(self, config: Path, work_dir: Path, processes: int,
                 resume: bool = False, moment: Moment | None = None) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        self.killed = moment is not None
        arguments = [str(TRAIN), str(config), '--work-dir', str(work_dir),
                     *(['--resume'] if resume else [])]
        environment = {}
        if processes > 1:
            arguments += ['--launcher', 'pytorch']
            environment = dict(
                MASTER_ADDR='127.0.0.1', WORLD_SIZE=str(processes),
                MASTER_PORT=str(random.SystemRandom().randrange(20000, 60000)))
        number = len(list(work_dir.glob('output_*')))
        self.log = work_dir / f'output_{number}.txt'
        self.processes = []
        for rank in range(processes):
            if processes > 1:
                environment.update(RANK=str(rank), LOCAL_RANK=str(rank))
            log = self.log.with_suffix(f'.{rank}.txt') if rank else self.log
            process = multiprocessing.get_context('fork').Process(
                target=run_tool, args=(arguments, environment, log,
                                       None if rank else moment))
            process.start()
            self.processes.append(process)

    def wait(self) -> None:
        """Wait for the end; raise if it was not the one that is due."""
        first, *others = self.processes
        first.join()
        good = first.exitcode == -signal.SIGKILL * self.killed
        for process in others:
            if self.killed or not good:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.join()
            good &= self.killed or process.exitcode == 0
        if not good:
            raise RuntimeError(
                f'training failed: {self.log.read_text()[-3000:]}')


def write_stock(cfg: Config) -> None:
    """Write a stock classifier of the source's classes to start from."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(stock_classifier(cfg.model, 'source'))
    names = [f'class {i}' for i in range(cfg.model.source_head.num_classes)]
    torch.save(
        dict(state_dict=model.state_dict(),
             meta=dict(dataset_meta=dict(classes=names))), cfg.load_from)


def try_variant(name: str, folder: Path, kills: int, seed: int) -> dict:
    """Train in peace, train with kills, and compare."""
    rng = random.Random(f'{seed} {name}')
    options, processes = VARIANTS[name]
    cfg = Config(CONFIG)
    cfg.merge_from_dict(copy.deepcopy(options))  # It changes them.
    # A GPU's fastest kernels give other bits each time.
    cfg.randomness.deterministic = torch.cuda.is_available()
    folder.mkdir(parents=True)
    if cfg.get('load_from'):
        cfg.load_from = str(folder / cfg.load_from)
        write_stock(cfg)
    config = first = folder / 'config.py'
    cfg.dump(config)
    Training(config, folder / 'peace', processes).wait()
    if cfg.randomness.seed is None:
        # The seed that the killed run would draw is that of the other.
        cfg.randomness.seed = load(
            (folder / 'peace/last_checkpoint').read_text())['meta']['seed']
        first = folder / 'seeded.py'
        cfg.dump(first)
    work_dir = folder / 'killed'
    result = dict(in_write=0, unreadable=[], state=None)
    steps = sorted(rng.sample(range(1, EPOCHS * STEPS), kills))
    for number, step in enumerate([*steps, None]):
        # Every other kill, over all variants; the control has no such files.
        in_write = not name.startswith(CONTROL) and (
            number + list(VARIANTS).index(name)) % 2 == 1
        moment = step and Moment(step, in_write, rng.uniform(
            0, 0.01 if in_write else 0.3))
        result.update(kills=min(number + 1, kills), resumes=number)
        try:
            Training(config if number else first, work_dir, processes,
                     resume=number > 0, moment=moment).wait()
        except RuntimeError:
            if not name.startswith(CONTROL):
                raise
            return result
        result['in_write'] += any(work_dir.glob('.*-partial'))
        result['unreadable'] += unreadable(work_dir)
    peace, killed = (end_of(folder / run) for run in ('peace', 'killed'))
    result['state'] = differing(peace[0], killed[0])
    logged = flatten(peace[1])
    result['logged'] = differing(logged, flatten(killed[1]))
    result['compared'] = len(peace[0]), len(logged)
    return result


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--kills', type=int, default=3,
                        help='kills of each variant')
    parser.add_argument('--variants', nargs='+', default=list(VARIANTS),
                        choices=list(VARIANTS), metavar='VARIANT',
                        help='which to try')
    parser.add_argument('--seed', type=int, default=0,
                        help='seed of the moments')
    parser.add_argument('--work-dir', help='where to train; kept if given')
    return parser.parse_args()


def main() -> int:
    """Try the variants and print the table."""
    args = parse_args()
    lost = 0
    print('| variant | kills | in a write | resumes | unreadable checkpoints '
          '| differing of state | differing of logged |\n' + '|---' * 7 + '|')
    MNIST5k(pipeline=[])  # Parsed once here, the forks have it.
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(args.work_dir or temporary).resolve()
        for number, name in enumerate(args.variants):
            result = try_variant(name, root / str(number), args.kills,
                                 args.seed)
            ends = 'cannot be resumed | |' if result['state'] is None else (
                f'{len(result["state"])} of {result["compared"][0]} '
                f'| {len(result["logged"])} of {result["compared"][1]} |')
            print(f'| {name} | {result["kills"]} | {result["in_write"]} '
                  f'| {result["resumes"]} | {len(result["unreadable"])} '
                  f'| {ends}', flush=True)
            if name.startswith(CONTROL):
                continue
            for key in ('unreadable', 'state', 'logged'):
                lost += len(result[key])
                for line in result[key][:10]:
                    print(f'    {key}: {line}', file=sys.stderr)
    return bool(lost)


if __name__ == '__main__':
    sys.exit(main())
