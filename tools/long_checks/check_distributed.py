"""Hold real runs on several processes to the run on one; print a table.

    python tools/long_checks/check_distributed.py

Every line is `tools/train.py` (gloo on CPU, NCCL where there are GPUs), 20
steps of a small network with momentum, gradient clipping and EMA on the
embedded digits. Compared are the losses of each step, averaged over the ranks,
and all weights at the end, those of the EMA included. Lines with a reference
of their own say so. What is left is rounding, sums being taken in another
order. Takes about a minute on two cores. With GPUs it needs two of them,
or four for the line with four processes, and adds a line for SyncBN.
"""
import argparse
import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from small_runs import CONFIG, TEST_PIPELINE, joint, train

from mmjtln.datasets import MNIST5k

BATCH, STEPS, LR = 16, 20, 0.01
TERMS = ('target_loss', 'source_loss', 'ot_loss')
#: Over ``CONFIG``: nothing random that would differ between ranks.
BASE = {
    'model.backbone.drop_path_rate': 0.,
    'model.head': dict(type='LinearClsHead', num_classes=10, in_channels=64,
                       _delete_=True),
    'model.ot_images': 'both',
    'train_dataloader.dataset': joint(TEST_PIPELINE),
    'train_dataloader.batch_sampler.epoch': STEPS // 2,
    'optim_wrapper.optimizer': dict(
        type='SGD', lr=LR, momentum=0.9, weight_decay=5e-4, _delete_=True),
    'param_scheduler': None,
    'train_cfg.max_epochs': 2,
    'auto_scale_lr': dict(base_batch_size=BATCH),
    'default_hooks.checkpoint.save_best': None,
    'custom_hooks': [*CONFIG['custom_hooks'], dict(type='KeepLosses'),
                     dict(type='EMAHook', momentum=0.1)],
}
#: With batch normalization; with parameters that get no gradient.
BATCH_NORM = {'model.backbone.norm_cfg': dict(type='BN', _delete_=True)}
DEIT3 = {'model': dict(
    type='mmjtln.JTLNClassifier', _delete_=True,
    backbone=dict(
        type='DeiT3', img_size=32, patch_size=8,
        arch=dict(embed_dims=32, num_layers=2, num_heads=2,
                  feedforward_channels=64)),
    head=dict(type='VisionTransformerClsHead', num_classes=10,
              in_channels=32),
    source_head=dict(num_classes=10))}
FIND_UNUSED = dict(find_unused_parameters=True)


@HOOKS.register_module()
class KeepLosses(Hook):
    """Write each rank's losses, of which MMEngine keeps those of rank 0."""

    def after_train(self, runner: Runner) -> None:
        """Write them."""
        scalars = runner.message_hub.log_scalars
        torch.save([scalars[f'train/{name}'].data[0] for name in TERMS],
                   Path(runner.work_dir, f'{runner.rank}.losses'))


def run(processes: int = 1, batch: int = BATCH, options: dict | None = None,
        flags: Sequence[str] = ()) -> tuple[torch.Tensor, dict]:
    """Train with ``batch`` images a process.

    Returns losses (steps, terms), the mean of the ranks, and weights by name.
    """
    cfg = Config(CONFIG)
    cfg.merge_from_dict(copy.deepcopy({  # It changes them.
        **BASE, **(options or {}), 'train_dataloader.batch_size': batch}))
    with TemporaryDirectory() as name:
        folder = Path(name)
        train(cfg, folder, processes, ['--no-validate', *flags])
        losses = torch.tensor(
            [[term.tolist() for term in torch.load(path, weights_only=False)]
             for path in folder.glob('*.losses')], dtype=torch.float64)
        saved = CheckpointLoader.load_checkpoint(
            str(folder / 'epoch_2.pth'), 'cpu', 'silent')
    return losses.mean(0).T, {
        f'{kind}.{key}': value
        for kind in ('state_dict', 'ema_state_dict')
        for key, value in saved[kind].items() if value.is_floating_point()}


def difference(found: tuple[torch.Tensor, dict],
               expected: tuple[torch.Tensor, dict],
               kind: str = '') -> tuple[float, float]:
    """Return the largest differences of losses and of weights."""
    return ((found[0] - expected[0]).abs().max().item(),
            max((found[1][key] - value).abs().max().item()
                for key, value in expected[1].items() if key.startswith(kind)))


def compare() -> Iterator[tuple[str, float, float]]:
    """Run all variants; yield what, difference of losses, of weights."""
    half = BATCH // 2
    one = run()
    yield '2 processes', *difference(run(2, half), one)
    # Each process of a machine with GPUs has one of its own.
    if (torch.cuda.device_count() or 4) >= 4:
        yield '4 processes', *difference(run(4, BATCH // 4), one)
    for what, processes in (('1 process', 1), ('2 processes', 2)):
        # Twice the iterations; EMA counts these, and is left out. MMEngine
        # saves it as `state_dict`, and the weights that are trained beside it.
        losses, weights = run(processes, half // processes, {
            'train_dataloader.batch_sampler.epoch': STEPS,
            'optim_wrapper.accumulative_counts': 2})
        mean = losses.view(STEPS, 2, -1).mean(1)
        yield (f'`accumulative_counts=2` of half batches, {what}',
               *difference((mean, weights), one, 'ema_state_dict'))
    yield ('`--auto-scale-lr`, 2 processes; to 1 with twice batch and rate',
           *difference(
               run(2, flags=['--auto-scale-lr']),
               run(1, 2 * BATCH, {'optim_wrapper.optimizer.lr': 2 * LR})))
    amp = run(flags=['--amp'])
    yield '`--amp`, 1 process; to 1 without', *difference(amp, one)
    yield '`--amp`, 2 processes; to 1 with', *difference(
        run(2, half, flags=['--amp']), amp)
    yield ('DeiT3, `find_unused_parameters=True`, 2 processes; to 1',
           *difference(run(2, half, {**DEIT3, **FIND_UNUSED}),
                       run(options=DEIT3)))
    if torch.cuda.is_available():  # Torch has no SyncBN for a CPU.
        yield 'SyncBN, 2 processes; to BN on 1', *difference(
            run(2, half, {**BATCH_NORM, 'sync_bn': 'torch'}),
            run(options=BATCH_NORM))


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__.split('\n')[0]).parse_args()
    MNIST5k(pipeline=[])  # Parsed once here, the forks have it.
    print('| run | largest difference of a loss | of a weight |')
    print('|---|---|---|')
    for what, loss, weight in compare():
        print(f'| {what} | {loss:.1e} | {weight:.1e} |', flush=True)


if __name__ == '__main__':
    main()
