"""Kill training with SIGKILL, resume it, and compare it with a run in peace.

    python tools/long_checks/kill_and_resume.py

Each variant of a small joint run on the embedded digits is trained in peace,
by `tools/train.py`. Then it is trained again, kills itself at random moments,
every other time while a checkpoint is written, and is resumed by `--resume`
until it is through. After each kill all checkpoints must load. At the end
every tensor (weights, their moving average, optimizer state, best checkpoint),
every number of the schedules, every logged loss and every validation result
must have the same bits. Exits with 1 if anything was lost.
"""
import argparse
import copy
import gc
import multiprocessing
import os
import random
import runpy
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

# What is imported next looks for a GPU. Asked of the driver, a fork could not
# use it afterwards; asked of NVML, it can.
os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader

from mmjtln.datasets import MNIST5k
from mmjtln.files.atomic_file import atomic_write
from mmjtln.resume import atomic_checkpoint_hook

load = partial(CheckpointLoader.load_checkpoint, map_location='cpu',
               logger='silent')
TRAIN = str(Path(__file__).parents[1] / 'train.py')
EPOCHS, STEPS = 4, 6

PIPELINE = [
    dict(type='Resize', scale=36),
    dict(type='RandomCrop', crop_size=32, padding=2),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Rotate', angle=20., prob=0.5),  # Draws from NumPy's.
    dict(type='NumpyToPIL'),
    dict(type='torchvision/RandomInvert', p=0.3),  # Draws from torch's.
    dict(type='PILToNumpy'),
    dict(type='PackInputs'),
]
TEST_PIPELINE = [dict(type='Resize', scale=32), dict(type='PackInputs')]

CONFIG = dict(
    default_scope='mmpretrain',
    custom_imports=dict(imports=['mmjtln'], allow_failed_imports=False),
    model=dict(
        type='mmjtln.JTLNClassifier',
        backbone=dict(
            type='ResNet', depth=18, stem_channels=8, base_channels=8,
            norm_cfg=dict(type='GN', num_groups=4), drop_path_rate=0.1),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='StackedLinearClsHead', num_classes=10, in_channels=64,
            mid_channels=[32], dropout_rate=0.3),
        source_head=dict(num_classes=10)),
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    train_dataloader=dict(
        batch_size=8, num_workers=0, dataset=dict(
            type='mmjtln.JointDataset',
            source=dict(
                type='mmjtln.MNIST5k', split='test', pipeline=PIPELINE),
            target=dict(
                type='mmjtln.UCIDigits', split='val', pipeline=PIPELINE)),
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=True),
        batch_sampler=dict(type='mmjtln.JointSampler', epoch=STEPS)),
    val_dataloader=dict(
        batch_size=50, num_workers=0,
        dataset=dict(type='mmjtln.UCIDigits', split='val',
                     pipeline=TEST_PIPELINE),
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False)),
    val_evaluator=dict(type='mmjtln.DomainAccuracy'),
    optim_wrapper=dict(
        optimizer=dict(type='AdamW', lr=3e-3), clip_grad=dict(max_norm=5.)),
    param_scheduler=dict(
        type='CosineAnnealingLR', by_epoch=False, T_max=EPOCHS * STEPS),
    train_cfg=dict(by_epoch=True, max_epochs=EPOCHS),
    val_cfg=dict(),
    default_hooks=dict(
        logger=dict(type='LoggerHook', interval=1),
        checkpoint=dict(
            type='mmjtln.ResumableCheckpointHook', interval=1,
            max_keep_ckpts=1, save_best='target/accuracy/top1')),
    custom_hooks=[
        dict(type='mmjtln.ClassCheckHook'),
        dict(type='mmjtln.CostMatrixHook',
             cost=dict(type='mmjtln.MKMMDCost', pipeline=TEST_PIPELINE,
                       samples_per_class=2)),
    ],
    randomness=dict(seed=0))

MIXUP_EMA = {
    'model.train_cfg': dict(augments=dict(type='Mixup', alpha=0.4)),
    'custom_hooks': [*CONFIG['custom_hooks'], dict(type='EMAHook')]}
WORKERS = {'train_dataloader.num_workers': 2, **MIXUP_EMA}
BY_ITERATION = {
    # An epoch of the sampler, 11 steps, ends between two checkpoints.
    'train_dataloader.batch_sampler.epoch': 11,
    'train_cfg': dict(by_epoch=False, max_iters=EPOCHS * STEPS,
                      val_interval=STEPS, _delete_=True),
    'default_hooks.checkpoint': dict(by_epoch=False, interval=4),
}
CONTROL = 'control: the CheckpointHook of MMEngine'
#: Name -> (options over CONFIG, number of processes). All have random
#: augmentation, dropout, stochastic depth and a schedule.
VARIANTS = {
    'by epoch': ({}, 1),
    'by epoch, 2 workers, Mixup, EMA': (WORKERS, 1),
    'by iteration': (BY_ITERATION, 1),
    'by iteration, 2 workers, Mixup, EMA': ({**BY_ITERATION, **WORKERS}, 1),
    '2 processes, by iteration': (
        {'train_dataloader.batch_size': 4, **BY_ITERATION}, 2),
    '2 processes, by epoch, Mixup, EMA': (
        {'train_dataloader.batch_size': 4, **MIXUP_EMA}, 2),
    # What the comparison finds where nothing is done for it.
    f'{CONTROL}, by epoch': (
        {'default_hooks.checkpoint.type': 'CheckpointHook'}, 1),
}


def train(cfg: Config, work_dir: Path, processes: int = 1,
          flags: Sequence[str] = (), kill: Callable | None = None) -> None:
    """Train in forks of this process, which have its imports.

    The first of them calls ``kill`` before, if given, which sees to its end;
    the others are then killed, too. Raises if there is another end.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    cfg.dump(work_dir / 'run.py')
    port = random.SystemRandom().randrange(20000, 60000)
    ranks = [multiprocessing.get_context('fork').Process(
        target=_run, args=(work_dir, rank, processes, port, flags, kill))
        for rank in range(processes)]
    for process in ranks:
        process.start()
    ranks[0].join()
    good = ranks[0].exitcode == (-signal.SIGKILL if kill else 0)
    for process in ranks[1:]:
        if kill or not good:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.join()
        good &= bool(kill) or process.exitcode == 0
    if not good:
        said = (work_dir / 'output.txt').read_text()
        raise RuntimeError(f'training failed: {said[-3000:]}')


def _run(work_dir: Path, rank: int, processes: int, port: int,
         flags: Sequence[str], kill: Callable | None) -> None:
    os.setsid()  # A group of its own, to be killed with its workers.
    gc.freeze()  # MMEngine collects garbage for each data set.
    with open(work_dir / 'output.txt', 'ab') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    torch.set_num_threads(1)
    if kill and rank == 0:
        kill()
    sys.argv = [TRAIN, f'{work_dir}/run.py', '--work-dir', str(work_dir),
                *flags]
    if processes > 1:
        sys.argv += ['--launcher', 'pytorch']
        os.environ.update(
            MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank),
            LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
    runpy.run_path(TRAIN, run_name='__main__')


def kill_at(step: int, in_write: bool, seconds: float) -> None:
    """Have this process killed with its workers, some time after a step.

    ``in_write``: in the next write of a checkpoint, which never comes to its
    end.
    """
    call_hook, come = Runner.call_hook, False

    def kill_soon() -> None:
        threading.Timer(
            seconds, os.killpg, (os.getpid(), signal.SIGKILL)).start()

    @contextmanager
    def write(path: str | Path) -> Iterator[BinaryIO]:
        with atomic_write(path) as file:
            kill_soon()
            yield file
            threading.Event().wait()

    def watched(runner: Runner, name: str, **options: Any) -> None:
        nonlocal come
        if (name, come) == ('before_train_iter', False) and (
                runner.iter >= step):
            come = True
            if in_write:
                atomic_checkpoint_hook.atomic_write = write
            else:
                kill_soon()
        if name == 'after_train':
            threading.Event().wait()  # It is killed, even so late.
        call_hook(runner, name, **options)

    Runner.call_hook = watched


def unreadable(work_dir: Path) -> list[str]:
    """Return the checkpoints that do not load, the pointed-to included."""
    pointer, bad = work_dir / 'last_checkpoint', []
    for path in {*map(str, work_dir.glob('*.pth')), *(
            [pointer.read_text()] if pointer.exists() else [])}:
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
        state[best.name] = load(str(best))['state_dict']
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


def try_variant(name: str, folder: Path, kills: int
                ) -> tuple[list[str], list[str]]:
    """Train in peace and with kills; return cells of a row, what is lost."""
    rng = random.Random(f'0 {name}')
    options, processes = VARIANTS[name]
    cfg = Config(CONFIG)
    cfg.merge_from_dict(copy.deepcopy(options))  # It changes them.
    # A GPU's fastest kernels give other bits each time.
    cfg.randomness.deterministic = torch.cuda.is_available()
    train(cfg, folder / 'peace', processes)
    work_dir = folder / 'killed'
    in_writes, bad = 0, []
    steps = sorted(rng.sample(range(1, EPOCHS * STEPS), kills))
    for number, step in enumerate([*steps, None]):
        # Every other kill, over all variants; the control has no such files.
        in_write = not name.startswith(CONTROL) and (
            number + list(VARIANTS).index(name)) % 2 == 1
        kill = step and partial(kill_at, step, in_write, rng.uniform(
            0, 0.01 if in_write else 0.3))
        train(cfg, work_dir, processes, ['--resume'] * (number > 0), kill)
        in_writes += any(work_dir.glob('.*-partial'))
        bad += unreadable(work_dir)
    peace, killed = (end_of(folder / run) for run in ('peace', 'killed'))
    pairs = [(peace[0], killed[0]), (flatten(peace[1]), flatten(killed[1]))]
    lost = [differing(*pair) for pair in pairs]
    return [f'{in_writes} of {kills}', f'{len(bad)}', *(
        f'{len(names)} of {len(pair[0])}'
        for names, pair in zip(lost, pairs, strict=True))], sum(lost, bad)


def main() -> int:
    """Try the variants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--kills', type=int, default=3,
                        help='kills of each variant (default: 3)')
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
            cells, names = try_variant(name, Path(folder), args.kills)
        print(f'| {" | ".join([name, *cells])} |', flush=True)
        if names and not name.startswith(CONTROL):
            lost += len(names)
            print(*names[:30], sep='\n', file=sys.stderr)
    return bool(lost)


if __name__ == '__main__':
    sys.exit(main())
