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
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import MODELS
from small_runs import CONFIG, EPOCHS, PIPELINE, STEPS, train

from mmjtln.datasets import MNIST5k
from mmjtln.export.stock_model import stock_classifier
from mmjtln.files.atomic_file import atomic_write
from mmjtln.resume import atomic_checkpoint_hook

MIXUP = {'model.train_cfg': dict(augments=dict(type='Mixup', alpha=0.4))}
EMA = {'custom_hooks': CONFIG['custom_hooks'] + [dict(type='EMAHook')]}
WORKERS = {'train_dataloader.num_workers': 2}
BY_ITERATION = {
    # An epoch of the sampler, 11 steps, ends between two checkpoints.
    'train_dataloader.batch_sampler.epoch': 11,
    'train_cfg': dict(by_epoch=False, max_iters=EPOCHS * STEPS,
                      val_interval=STEPS, _delete_=True),
    'default_hooks.checkpoint': dict(by_epoch=False, interval=4),
}
CLASS_LIST = {
    # Another kind of start: no source images, the head of a checkpoint.
    'load_from': 'stock.pth',
    'model.lambda_s': 0.,
    'train_dataloader.dataset.source': dict(
        type='mmjtln.ClassList', classes='checkpoint', _delete_=True),
    'custom_hooks': [
        dict(type='mmjtln.ClassCheckHook'),
        dict(type='mmjtln.StockCheckpointHook'),
        dict(type='mmjtln.CostMatrixHook',
             cost=dict(type='mmjtln.RandomCost'))],
}
SEVERAL_SOURCES = {
    'train_dataloader.dataset.source': dict(
        type='mmjtln.UnionDataset', draw=[3, 1], _delete_=True,
        datasets=[
            dict(type='mmjtln.MNIST5k', split='test', pipeline=PIPELINE),
            dict(type='mmjtln.UCIDigits', split='val', pipeline=PIPELINE)]),
    'model.source_head.num_classes': 20,
}
TRANSPORTED = {
    **CLASS_LIST,
    'custom_hooks': [*CLASS_LIST['custom_hooks'],
                     dict(type='mmjtln.HeadInitHook', l2_sp=0.1)],
}
CONTROL = 'control: the CheckpointHook of MMEngine'
#: Name -> (options over CONFIG, number of processes). All have random
#: augmentation, dropout, stochastic depth and a schedule.
VARIANTS = {
    'by epoch': ({}, 1),
    'by epoch, 2 workers, Mixup, EMA': ({**WORKERS, **MIXUP, **EMA}, 1),
    'by iteration': (BY_ITERATION, 1),
    'by iteration, 2 workers, Mixup, EMA': (
        {**BY_ITERATION, **WORKERS, **MIXUP, **EMA}, 1),
    'by epoch, seed drawn, accumulation': (
        {'randomness': dict(seed=None),
         'optim_wrapper.accumulative_counts': 2}, 1),
    '2 processes, by epoch, Mixup, EMA': (
        {'train_dataloader.batch_size': 4, **MIXUP, **EMA}, 2),
    '2 processes, by iteration': (
        {'train_dataloader.batch_size': 4, **BY_ITERATION}, 2),
    'class list as source': (CLASS_LIST, 1),
    '2 processes, class list as source, EMA': (
        {'train_dataloader.batch_size': 4, **CLASS_LIST,
         'custom_hooks': [*CLASS_LIST['custom_hooks'],
                          dict(type='EMAHook')]}, 2),
    'class list as source, transported head': (TRANSPORTED, 1),
    'two sources': (SEVERAL_SOURCES, 1),
    '2 processes, two sources, by iteration': (
        {'train_dataloader.batch_size': 4, **BY_ITERATION,
         **SEVERAL_SOURCES}, 2),
    # What the comparison finds where nothing is done for it.
    f'{CONTROL}, by epoch': (
        {'default_hooks.checkpoint.type': 'CheckpointHook'}, 1),
}


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


def load(path: str | Path) -> dict:
    return CheckpointLoader.load_checkpoint(
        str(path), map_location='cpu', logger='silent')


def unreadable(work_dir: Path) -> list[str]:
    """Return the checkpoints that do not load, the pointed-to included."""
    paths = set(work_dir.glob('*.pth'))
    pointer = work_dir / 'last_checkpoint'
    if pointer.exists():
        paths.add(Path(pointer.read_text()))
    bad = []
    for path in sorted(paths):
        try:
            load(path)['state_dict']
        except Exception as error:
            bad.append(f'{path}: {error}')
    return bad


def flatten(value: object, name: str = '') -> dict[str, object]:
    """Return the leaves of nested dicts and lists, by paths."""
    items = (value.items() if isinstance(value, dict) else
             enumerate(value) if isinstance(value, list | tuple) else None)
    if items is None:
        return {name: value}
    return {path: leaf for key, part in items
            for path, leaf in flatten(part, f'{name}/{key}').items()}


def end_of(work_dir: Path) -> tuple[dict, dict]:
    """Return the last and best state of a run, and all it has logged."""
    last = load((work_dir / 'last_checkpoint').read_text())
    state = {key: last[key] for key in (
        'state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
        if key in last}
    for best in work_dir.glob('best_*.pth'):
        state[best.name] = load(best)['state_dict']
    hub = last['message_hub']
    logged = {
        name: history.data[0].tolist()
        for name, history in hub['log_scalars'].items()
        if name.startswith('val/') and 'time' not in name or 'loss' in name}
    logged['best_score'] = [hub['runtime_info'].get('best_score')]
    return flatten(state), logged


def differing(ours: dict, theirs: dict) -> list[str]:
    """Return the names under which two dicts do not hold the same bits."""

    def bits(found: dict, name: str) -> tuple:
        value = found.get(name, 'nothing of this name')
        return (value.dtype, value.shape, value.numpy().tobytes()) if (
            isinstance(value, torch.Tensor)) else repr(value)

    return sorted(name for name in ours.keys() | theirs.keys()
                  if bits(ours, name) != bits(theirs, name))


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
    train(cfg, folder / 'peace', processes)
    seed = cfg.randomness.seed
    if seed is None:
        # The killed run begins with the seed that the other has drawn.
        cfg.randomness.seed = load(
            (folder / 'peace/last_checkpoint').read_text())['meta']['seed']
    work_dir = folder / 'killed'
    in_writes, bad = 0, []
    steps = sorted(rng.sample(range(1, EPOCHS * STEPS), kills))
    for number, step in enumerate([*steps, None]):
        # Every other kill, over all variants; the control has no such files.
        in_write = not name.startswith(CONTROL) and (
            number + list(VARIANTS).index(name)) % 2 == 1
        moment = step and Moment(step, in_write, rng.uniform(
            0, 0.01 if in_write else 0.3))
        train(cfg, work_dir, processes, ['--resume'] * (number > 0),
              moment and moment.await_it)
        cfg.randomness.seed = seed
        in_writes += any(work_dir.glob('.*-partial'))
        bad += unreadable(work_dir)
    peace, killed = (end_of(folder / run) for run in ('peace', 'killed'))
    logged = flatten(peace[1])
    return dict(
        in_writes=in_writes, compared=(len(peace[0]), len(logged)),
        unreadable=bad, state=differing(peace[0], killed[0]),
        logged=differing(logged, flatten(killed[1])))


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
    args = parser.parse_args()
    lost = 0
    print('| variant | kills in a write | unreadable checkpoints | differing '
          'of state | of logged |\n' + '|---' * 5 + '|')
    MNIST5k(pipeline=[])  # Parsed once here, the forks have it.
    for name in args.variants:
        with tempfile.TemporaryDirectory() as folder:
            result = try_variant(name, Path(folder, 'runs'), args.kills)
        bad, state, logged = (
            result[key] for key in ('unreadable', 'state', 'logged'))
        sizes = result['compared']
        print(f'| {name} | {result["in_writes"]} of {args.kills} | {len(bad)} '
              f'| {len(state)} of {sizes[0]} | {len(logged)} of {sizes[1]} |',
              flush=True)
        if not name.startswith(CONTROL) and (all_lost := bad + state + logged):
            lost += len(all_lost)
            print(*all_lost[:30], sep='\n', file=sys.stderr)
    return bool(lost)


if __name__ == '__main__':
    sys.exit(main())
