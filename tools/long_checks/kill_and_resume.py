"""Kill training with SIGKILL, resume it, and compare it with a run in peace.

    python tools/long_checks/kill_and_resume.py

Each variant of a small joint run on the embedded digits is trained once
without interruption, by `tools/train.py` in processes of their own. Then it
is trained again, kills itself at random moments, every other time while a
checkpoint is being written, and is resumed with `--resume` until it is
through. After each kill all checkpoints, and the one that `last_checkpoint`
names, must load. At the end every tensor (weights, their moving average,
optimizer state, best checkpoint), every number of the schedules, every logged
loss and every validation result must have the same bits. Exits with 1 if
anything was lost.
"""
import argparse
import copy
import os
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from kill_variants import CONFIG, CONTROL, EPOCHS, STEPS, VARIANTS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from run_ends import differing, end_of, flatten, load, unreadable
from training import Training

from mmjtln.datasets import MNIST5k
from mmjtln.export.stock_model import stock_classifier
from mmjtln.files.atomic_file import atomic_write
from mmjtln.resume import atomic_checkpoint_hook


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


def write_stock(cfg: Config) -> None:
    """Write a stock classifier of the source's classes to start from."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(stock_classifier(cfg.model, 'source'))
    names = [f'class {i}' for i in range(cfg.model.source_head.num_classes)]
    torch.save(
        dict(state_dict=model.state_dict(),
             meta=dict(dataset_meta=dict(classes=names))), cfg.load_from)


def try_variant(name: str, folder: Path, kills: int) -> dict:
    """Train in peace, train with kills, and compare."""
    rng = random.Random(f'0 {name}')
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
    result = dict(in_write=0, unreadable=[])
    steps = sorted(rng.sample(range(1, EPOCHS * STEPS), kills))
    for number, step in enumerate([*steps, None]):
        # Every other kill, over all variants; the control has no such files.
        in_write = not name.startswith(CONTROL) and (
            number + list(VARIANTS).index(name)) % 2 == 1
        moment = step and Moment(step, in_write, rng.uniform(
            0, 0.01 if in_write else 0.3))
        Training(config if number else first, work_dir, processes,
                 ['--resume'] * (number > 0),
                 moment and moment.await_it).wait(moment is not None)
        result['in_write'] += any(work_dir.glob('.*-partial'))
        result['unreadable'] += unreadable(work_dir)
    peace, killed = (end_of(folder / run) for run in ('peace', 'killed'))
    result['state'] = differing(peace[0], killed[0])
    logged = flatten(peace[1])
    result['logged'] = differing(logged, flatten(killed[1]))
    result['compared'] = len(peace[0]), len(logged)
    return result


def main() -> int:
    """Try the variants and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--kills', type=int, default=3,
                        help='kills of each variant')
    parser.add_argument('--variants', nargs='+', default=list(VARIANTS),
                        choices=list(VARIANTS), metavar='VARIANT',
                        help='which to try')
    parser.add_argument('--work-dir', help='where to train; kept if given')
    args = parser.parse_args()
    lost = 0
    print('| variant | kills in a write | unreadable checkpoints | differing '
          'of state | of logged |\n' + '|---' * 5 + '|')
    MNIST5k(pipeline=[])  # Parsed once here, the forks have it.
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(args.work_dir or temporary).resolve()
        for number, name in enumerate(args.variants):
            result = try_variant(name, root / str(number), args.kills)
            state, logged = result['compared']
            print(f'| {name} | {result["in_write"]} of {args.kills} '
                  f'| {len(result["unreadable"])} '
                  f'| {len(result["state"])} of {state} '
                  f'| {len(result["logged"])} of {logged} |', flush=True)
            if name.startswith(CONTROL):
                continue
            for key in ('unreadable', 'state', 'logged'):
                lost += len(result[key])
                for line in result[key][:10]:
                    print(f'    {key}: {line}', file=sys.stderr)
    return bool(lost)


if __name__ == '__main__':
    sys.exit(main())
