"""A small joint run on the embedded digits, trained by `tools/train.py`."""
import gc
import multiprocessing
import os
import random
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

# What is imported next looks for a GPU. Asked of the driver, a fork could not
# use it afterwards; asked of NVML, it can.
os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')

import torch
from mmengine.config import Config

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
