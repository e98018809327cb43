"""Hold real runs on several processes to the run on one; print a table.

    python tools/long_checks/check_distributed.py

Every line is `tools/train.py`, launched with torchrun (gloo on CPU, NCCL where
there are GPUs), 20 steps of a small network with momentum, gradient clipping
and EMA on the embedded digits. Compared are the losses of each step, averaged
over the ranks, and all weights at the end, those of the EMA included. Lines
with a reference of their own say so. What is left is rounding, sums being
taken in another order; at five times the learning rate such a network makes
1e-3 of it within twenty steps. Takes about five minutes on two cores. With
GPUs it needs two of them, or four for the line with four processes, and adds
a line for SyncBN.
"""
import argparse
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config

TRAIN = Path(__file__).parents[1] / 'train.py'
BATCH, STEPS, LR = 16, 20, 0.01
TERMS = ('target_loss', 'source_loss', 'ot_loss')


def base_config() -> Config:
    """Return the run that all others are compared with."""
    pipeline = [dict(type='Resize', scale=32), dict(type='PackInputs')]
    digits = dict(type='mmjtln.UCIDigits', split='train', pipeline=pipeline)
    target = dict(digits, split='val')
    return Config(dict(
        default_scope='mmpretrain',
        custom_imports=dict(imports=['mmjtln']),
        model=dict(
            type='mmjtln.JTLNClassifier',
            backbone=dict(
                type='ResNet', depth=18, stem_channels=8, base_channels=8,
                norm_cfg=dict(type='GN', num_groups=4)),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
            source_head=dict(num_classes=10),
            ot_images='both'),
        data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
        train_dataloader=dict(
            batch_size=BATCH, num_workers=0,
            dataset=dict(type='mmjtln.JointDataset', source=digits,
                         target=target),
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(type='mmjtln.JointSampler',
                               epoch=STEPS // 2)),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=LR, momentum=0.9,
                           weight_decay=5e-4),
            clip_grad=dict(max_norm=5.0)),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        auto_scale_lr=dict(base_batch_size=BATCH),
        custom_hooks=[
            dict(type='mmjtln.ClassCheckHook'),
            dict(type='mmjtln.CostMatrixHook',
                 cost=dict(type='mmjtln.MKMMDCost', samples_per_class=5)),
            dict(type='EMAHook', momentum=0.1)
        ],
        randomness=dict(seed=0)))


#: Models of other runs: with batch normalization; with parameters that get
#: no gradient.
MODELS = dict(
    base={},
    bn={'model.backbone.norm_cfg': dict(type='BN', _delete_=True)},
    deit3=dict(model=dict(
        type='mmjtln.JTLNClassifier', _delete_=True,
        backbone=dict(
            type='DeiT3', img_size=32, patch_size=8,
            arch=dict(embed_dims=32, num_layers=2, num_heads=2,
                      feedforward_channels=64)),
        head=dict(type='VisionTransformerClsHead', num_classes=10,
                  in_channels=32),
        source_head=dict(num_classes=10))))


def record(folder: str, arguments: list[str]) -> None:
    """Be one rank of tools/train.py and keep its losses."""
    from mmengine.logging import MessageHub
    rank = os.environ.get('RANK', '0')
    Path(folder, f'{rank}.pid').write_text(str(os.getpid()))
    sys.argv = [str(TRAIN), *arguments]
    runpy.run_path(str(TRAIN), run_name='__main__')
    scalars = MessageHub.get_current_instance().log_scalars
    torch.save([scalars[f'train/{name}'].data[0].tolist() for name in TERMS],
               Path(folder, f'{rank}.losses'))


class Bench:
    """Runs the variants, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 29650
        for name, options in MODELS.items():
            cfg = base_config()
            cfg.merge_from_dict(options)
            cfg.dump(folder / f'{name}.py')

    def start(self, name: str, world_size: int = 1, batch: int = BATCH,
              config: str = 'base', flags: Sequence[str] = (),
              options: Sequence[str] = (),
              nodes: int = 1) -> list[subprocess.Popen]:
        """Start a run; one launcher a node."""
        work_dir = self.folder / name
        work_dir.mkdir()
        self.port += 1
        train = [__file__, '--record', work_dir, self.folder / f'{config}.py',
                 '--no-validate', '--work-dir', work_dir, *flags]
        if world_size > 1:
            train += ['--launcher', 'pytorch']
        train += ['--cfg-options', f'train_dataloader.batch_size={batch}',
                  *options]
        launchers = []
        for node in range(nodes):
            command = [sys.executable]
            if world_size > 1:
                command += [
                    '-m', 'torch.distributed.run', f'--nnodes={nodes}',
                    f'--node_rank={node}', '--master_addr=127.0.0.1',
                    f'--master_port={self.port}',
                    f'--nproc_per_node={world_size // nodes}']
            launchers.append(subprocess.Popen(
                [str(part) for part in command + train], cwd=self.folder,
                stdout=open(work_dir / f'{node}.log', 'w'),
                stderr=subprocess.STDOUT,
                env={**os.environ, 'OMP_NUM_THREADS': '1'}))
        return launchers

    def run(self, name: str, **options: Any) -> Any:
        """Run to the end: losses (steps, terms), weights by name."""
        launchers = self.start(name, **options)
        work_dir = self.folder / name
        if any([launcher.wait() for launcher in launchers]):
            raise SystemExit((work_dir / '0.log').read_text()[-3000:])
        losses = torch.tensor(
            [torch.load(path) for path in sorted(work_dir.glob('*.losses'))],
            dtype=torch.float64)
        saved = torch.load(work_dir / 'epoch_2.pth', weights_only=False)
        return losses.mean(0).T, {
            f'{kind}.{key}': value
            for kind in ('state_dict', 'ema_state_dict')
            for key, value in saved[kind].items()
            if value.is_floating_point()}

    def kill_one(self) -> str:
        """SIGKILL the second of two ranks in training; say what happens."""
        launcher, = self.start(
            'killed', world_size=2, batch=BATCH // 2,
            options=['train_dataloader.batch_sampler.epoch=100000'])
        work_dir = self.folder / 'killed'
        log = work_dir / '0.log'
        while 'Epoch(train)' not in log.read_text():
            if launcher.poll() is not None:
                raise SystemExit(log.read_text()[-3000:])
            time.sleep(0.2)
        os.kill(int((work_dir / '1.pid').read_text()), signal.SIGKILL)
        start = time.monotonic()
        code = launcher.wait(300)
        text = log.read_text()
        said = re.search(r'failed \(exitcode: -9\) local_rank: 1', text)
        assert said, text[-3000:]
        return (f'one of two ranks killed (SIGKILL): torchrun and the other '
                f'rank ended after {time.monotonic() - start:.0f} s with '
                f'status {code}, saying "{said[0]}"')

    def forget_flag(self) -> str:
        """Say what a run ends with that lacks find_unused_parameters."""
        launcher, = self.start('forgotten', world_size=2, batch=BATCH // 2,
                               config='deit3')
        code = launcher.wait()
        text = (self.folder / 'forgotten/0.log').read_text()
        named = 'find_unused_parameters=True' in text
        return ('DeiT3 without `find_unused_parameters` on 2 processes: '
                f'status {code}, the message '
                f'{"names" if named else "does not name"} it')


def difference(found: tuple[torch.Tensor, dict],
               expected: tuple[torch.Tensor, dict],
               kind: str = '') -> tuple[float, float]:
    """Return the largest differences of losses and of weights."""
    return ((found[0] - expected[0]).abs().max().item(),
            max((found[1][key] - value).abs().max().item()
                for key, value in expected[1].items() if key.startswith(kind)))


def compare(bench: Bench) -> Iterator[tuple[str, float, float]]:
    """Run all variants; yield what, difference of losses, of weights."""
    half, quarter = BATCH // 2, BATCH // 4
    one = bench.run('one')
    # Each process of a machine with GPUs has one of its own.
    most = torch.cuda.device_count() or 4
    for what, options in (
        ('2 processes', dict(world_size=2, batch=half)),
        ('4 processes', dict(world_size=4, batch=quarter)),
        ('2 launchers ("machines") of 1 process',
         dict(world_size=2, batch=half, nodes=2))):
        if options['world_size'] <= most:
            yield what, *difference(bench.run(what[:5], **options), one)
    for what, world_size in (('1 process', 1), ('2 processes', 2)):
        # Twice the iterations; EMA counts these, and is left out. MMEngine
        # saves it as `state_dict`, and the weights that are trained beside it.
        losses, weights = bench.run(
            f'accumulated{world_size}', world_size=world_size,
            batch=half // world_size,
            options=[f'train_dataloader.batch_sampler.epoch={STEPS}',
                     'optim_wrapper.accumulative_counts=2'])
        mean = losses.view(STEPS, 2, -1).mean(1)
        yield (f'`accumulative_counts=2` of half batches, {what}',
               *difference((mean, weights), one, 'ema_state_dict'))
    double = bench.run('double', batch=2 * BATCH,
                       options=[f'optim_wrapper.optimizer.lr={2 * LR}'])
    yield ('`--auto-scale-lr`, 2 processes; to 1 with twice batch and rate',
           *difference(bench.run('scaled', world_size=2,
                                 flags=['--auto-scale-lr']), double))
    amp = bench.run('amp', flags=['--amp'])
    yield '`--amp`, 1 process; to 1 without', *difference(amp, one)
    yield '`--amp`, 2 processes; to 1 with', *difference(
        bench.run('amp2', world_size=2, batch=half, flags=['--amp']), amp)
    yield ('DeiT3, `find_unused_parameters=True`, 2 processes; to 1',
           *difference(
               bench.run('deit2', world_size=2, batch=half, config='deit3',
                         options=['find_unused_parameters=True']),
               bench.run('deit', config='deit3')))
    if torch.cuda.is_available():  # Torch has no SyncBN for a CPU.
        yield ('SyncBN, 2 processes; to BN on 1', *difference(
            bench.run('sync_bn', world_size=2, batch=half, config='bn',
                      options=['sync_bn=torch']),
            bench.run('bn', config='bn')))


def main() -> None:
    """Print the table, or be a rank."""
    if sys.argv[1:2] == ['--record']:
        return record(sys.argv[2], sys.argv[3:])
    argparse.ArgumentParser(description=__doc__.split('\n')[0]).parse_args()
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        print('| run | largest difference of a loss | of a weight |')
        print('|---|---|---|')
        for what, loss, weight in compare(bench):
            print(f'| {what} | {loss:.1e} | {weight:.1e} |', flush=True)
        print(f'\n{bench.forget_flag()}\n\n{bench.kill_one()}')


if __name__ == '__main__':
    main()
