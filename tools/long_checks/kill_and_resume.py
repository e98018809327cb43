"""Kill training with SIGKILL, resume it, and compare it with a run in peace.

    python tools/long_checks/kill_and_resume.py

Each variant of a small joint run on the embedded digits is trained once
without interruption, by `tools/train.py` in processes of their own (forked
from this one, which has the imports behind it). Then it is trained again and
killed at random moments, every other time while a checkpoint is being
written, and resumed with `--resume` until it is through.
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
import re
import runpy
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import MODELS

from mmjtln.datasets import MNIST5k
from mmjtln.export.stock_model import stock_classifier

TRAIN = Path(__file__).parents[1] / 'train.py'
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


def joint(pipeline: list | dict) -> dict:
    return dict(
        type='mmjtln.JointDataset',
        source=dict(type='mmjtln.MNIST5k', split='test', pipeline=pipeline),
        target=dict(
            type='mmjtln.UCIDigits', split='val', pipeline=pipeline))


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
        batch_size=8, num_workers=0, dataset=joint(PIPELINE),
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
                     dict(type='mmjtln.TransportedHeadHook', pull=0.1)],
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


def run_tool(arguments: list[str], environment: dict, log: Path) -> None:
    """Be a command: the script and its arguments, its output to a file."""
    os.setsid()  # A group of its own, to be killed with its workers.
    with open(log, 'wb') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    torch.set_num_threads(1)
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name='__main__')


class Training:
    """Processes of `tools/train.py` that work together on one run.

    Args:
        config (Path): The config.
        work_dir (Path): The work directory.
        processes (int): How many.
        resume (bool): Whether to go on with what is in ``work_dir``.
    """

    def __init__(
        self,
        config: str,
        work_dir: str | Path,
        processes: int = 1,
        resume: bool = False,
    ) -> None:
        self.work_dir = Path(work_dir)
        self.work_dir.mkdir(parents=True, exist_ok=True)
        self.log = self.work_dir / f'output_{time.time_ns()}.txt'
        self.log.touch()
        arguments = [str(TRAIN), str(config), '--work-dir', str(work_dir),
                     *(['--resume'] if resume else [])]
        environment = {}
        if processes > 1:
            arguments += ['--launcher', 'pytorch']
            environment = dict(
                MASTER_ADDR='127.0.0.1', WORLD_SIZE=str(processes),
                MASTER_PORT=str(random.SystemRandom().randrange(20000, 60000)))
        self.processes = []
        for rank in range(processes):
            if processes > 1:
                environment.update(RANK=str(rank), LOCAL_RANK=str(rank))
            log = self.log.with_suffix(f'.{rank}.txt') if rank else self.log
            process = multiprocessing.get_context('fork').Process(
                target=run_tool, args=(arguments, environment, log))
            process.start()
            self.processes.append(process)

    def running(self) -> bool:
        """Whether all processes are at work."""
        return all(process.is_alive() for process in self.processes)

    def steps(self) -> int:
        """Return the step of the run that was logged last, 0 if none."""
        found = re.findall(
            r'(?:Epoch|Iter)\(train\) +(?:\[(\d+)\])?\[ *(\d+)/ *\d+\]',
            self.log.read_text(errors='replace'))
        if not found:
            return 0
        epoch, step = found[-1]
        return int(step) + (int(epoch) - 1) * STEPS if epoch else int(step)

    def writing(self) -> bool:
        """Whether a file is being written this moment."""
        return any(name.endswith('-partial')
                   for name in os.listdir(self.work_dir))

    def kill(self) -> None:
        """Kill all processes and their workers with SIGKILL."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes:
            process.join()

    def wait(self) -> None:
        """Wait for the end; raise if it was no good one."""
        for process in self.processes:
            process.join(timeout=900)
            if process.exitcode != 0:
                self.kill()
                raise RuntimeError(
                    f'training failed: {self.log.read_text()[-3000:]}')


def kill_when(
    training: Training, step: int, in_write: bool, rng: np.random.Generator
) -> bool:
    """Kill a run some time after a step, or within the next write.

    Returns:
        bool: Whether it was killed before it came to its end.
    """
    while training.running() and training.steps() < step:
        time.sleep(0.005)
    if in_write:
        while training.running() and not training.writing():
            pass
    else:
        time.sleep(rng.uniform(0, 0.3))
    if not training.running():
        return False
    training.kill()
    return True


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


def flatten(value: Any, name: str = '') -> dict:
    """Return the leaves of nested dicts and lists by their paths."""
    items = (value.items() if isinstance(value, dict) else
             enumerate(value) if isinstance(value, list | tuple) else None)
    if items is None:
        return {name: value}
    return {path: leaf for key, part in items
            for path, leaf in flatten(part, f'{name}/{key}').items()}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return (isinstance(b, torch.Tensor) and a.dtype == b.dtype
                and torch.equal(a.nan_to_num(7.5), b.nan_to_num(7.5)))
    return a == b or (a != a and b != b)


def end_of(work_dir: Path) -> tuple[dict, dict]:
    """Return the final state of a run, and all it has logged.

    Returns:
        tuple: Name -> tensor or number, of the last and the best
        checkpoints; name -> values of each loss and validation result.
    """
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
        if name.startswith('val/') and 'time' not in name or 'loss' in name
    }
    logged['best_score'] = [hub['runtime_info'].get('best_score')]
    return flatten(state), logged


def differing(ours: dict, theirs: dict) -> list[str]:
    """Return the names under which two dicts do not hold the same bits."""
    return sorted(
        name for name in ours.keys() | theirs.keys()
        if name not in ours or name not in theirs
        or not same(ours[name], theirs[name]))


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
    config = folder / 'config.py'
    cfg.dump(config)
    Training(config, folder / 'peace', processes).wait()
    if cfg.randomness.seed is None:
        # The seed that the killed run would draw is that of the first.
        seed = load((folder / 'peace/last_checkpoint').read_text())[
            'meta']['seed']
        cfg.randomness.seed = seed
        cfg.dump(folder / 'seeded.py')
    result = dict(kills=0, in_write=0, resumes=0, unreadable=[])
    work_dir = folder / 'killed'
    moments = sorted(rng.sample(range(1, EPOCHS * STEPS), kills))
    for number, step in enumerate([*moments, None]):
        first = number == 0
        training = Training(
            folder / 'seeded.py' if first and
            (folder / 'seeded.py').exists() else config,
            work_dir, processes, resume=not first)
        result['resumes'] += not first
        killed = False
        if step is not None:
            # Every other kill, over all variants; the control has no such
            # files.
            in_write = not name.startswith(CONTROL) and (
                number + list(VARIANTS).index(name)) % 2 == 1
            killed = kill_when(training, step, in_write, rng)
        if not killed:
            try:
                training.wait()
            except RuntimeError:
                if not name.startswith(CONTROL):
                    raise
                return dict(result, state=None)
        result['kills'] += killed
        result['in_write'] += killed and any(
            work_dir.glob('.*-partial'))
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
