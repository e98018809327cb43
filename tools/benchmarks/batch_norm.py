"""What becomes of batch normalization when a batch holds two domains.

    python tools/benchmarks/batch_norm.py --seeds 0 1 2

Trains the recipe of a config with each way to normalise, and prints test
accuracy, in per cent, of the target head on the target and of the source head
on the source, mean and standard deviation over seeds. A seed draws weights,
order and the labelled target images. Every run is judged after its last step.

- `mixed`: batch statistics of the mixed batch (`batch_statistics='mixed'`).
- `domain`: each domain normalised by its own statistics, running statistics
  those of the target (`batch_statistics='domain'`).
- `GN`: group normalization in the place of batch normalization.

Below `mixed` and `domain` stand the same weights with running statistics
measured anew, on training images without updates: of the target, through the
test or the train pipeline, or of the source.
"""
import argparse
import copy
import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmjtln.apis.launch import adapt_to_machine
from mmjtln.domains import DOMAINS
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.over_images import evaluating

CONFIG = Path(__file__).parents[2] / 'configs/jtln_resnet18.py'
#: A ResNet-18 of a quarter of the width, for images of half the size.
SMALL = {
    'model.backbone.stem_channels': 16,
    'model.backbone.base_channels': 16,
    'model.head.in_channels': 128,
}
NORMS = {
    'mixed': dict(type='BN'),
    'domain': dict(type='BN'),
    'GN': dict(type='GN', num_groups=8),
}


def config(args: argparse.Namespace, norm: str, seed: int,
           work_dir: str) -> Config:
    """Return the config of a run."""
    cfg = Config.fromfile(args.config)
    if args.small:
        cfg.merge_from_dict(SMALL)
        for loader in ('train_dataloader', 'val_dataloader',
                       'test_dataloader'):
            _resize(cfg[loader].dataset, 32)
    for owner, key in ((cfg.train_dataloader.dataset.source, 'pipeline'),
                       (cfg.val_dataloader.dataset.source, 'pipeline'),
                       (cfg.custom_hooks[1].cost.pipeline, 'source')):
        owner[key] = _shifted(owner[key], args.shift)
    cfg.train_dataloader.dataset.target.shots = args.shots
    cfg.model.backbone.norm_cfg = copy.deepcopy(NORMS[norm])
    cfg.model.batch_statistics = 'mixed' if norm == 'mixed' else 'domain'
    cfg.merge_from_dict({
        'randomness.seed': seed,
        'train_dataloader.dataset.target.seed': seed,
        'work_dir': work_dir,
    })
    _resize(cfg.custom_hooks, 32 if args.small else 64)
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.val_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=-1, save_last=False)
    cfg.train_cfg.val_interval = cfg.train_cfg.max_epochs + 1
    cfg.log_level = 'ERROR'
    adapt_to_machine(cfg)
    return cfg


def _shifted(pipeline: list, shift: str) -> list:
    """Make the source more unlike the target than the config does."""
    if shift == 'resolution':
        # Leave out what brings MNIST to the target's form.
        assert pipeline[0].type == 'CenterCrop'
        return pipeline[2:]
    if shift == 'inverted':
        return [dict(type='Invert', prob=1.), *pipeline]
    return pipeline


def _resize(part: object, size: int) -> None:
    """Set the size of the images wherever a config names it."""
    if isinstance(part, dict):
        if part.get('type') == 'Resize' and part['scale'] == 64:
            part['scale'] = size
        if part.get('type') == 'RandomCrop':
            part['crop_size'] = size
        part = part.values()
    if not isinstance(part, (str, bytes)) and hasattr(part, '__iter__'):
        for value in part:
            _resize(value, size)


@torch.no_grad()
def measure_again(model: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Set running statistics to the mean of those of some batches."""
    layers = [layer for layer in model.modules()
              if isinstance(layer, _BatchNorm)]
    with evaluating(model):
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
            layer.train()
        for inputs in batches:
            data = model.data_preprocessor(dict(inputs=inputs))
            model.extract_feat(data['inputs'])


def training_images(runner: Runner, domain: str, pipeline: list | dict,
                    passes: int = 1) -> list:
    """Return batches of a domain's training images, at most 640 images."""
    dataset = getattr(runner.train_dataloader.dataset, domain)
    if pipeline == 'train':
        images = [dataset[i]['inputs'] for _ in range(passes)
                  for i in range(len(dataset))]
    else:
        images = DomainImages(dataset, domain, pipeline, 64)
    order = np.random.default_rng(0).permutation(len(images))[:640]
    images = iter([images[int(i)] for i in order])
    return [torch.stack(batch) for batch in iter(
        lambda: list(itertools.islice(images, 64)), [])]


@torch.no_grad()
def accuracy(runner: Runner, domain: str) -> float:
    """Return the accuracy of a domain's head on its test images."""
    # The validation data hold the part of the source that is not trained on.
    loop = runner.val_loop if domain == 'source' else runner.test_loop
    right = []
    with evaluating(runner.model):
        for data in loop.dataloader:
            for sample in runner.model.test_step(data):
                if sample.get('domain', 'target') == domain:
                    right.append((sample.pred_label == sample.gt_label).item())
    return 100 * np.mean(right)


def run(args: argparse.Namespace, norm: str, seed: int) -> dict:
    """Train once; return accuracies by row of the table."""
    with tempfile.TemporaryDirectory() as work_dir:
        cfg = config(args, norm, seed, work_dir)
        pipelines = copy.deepcopy(cfg.custom_hooks[1].cost.pipeline)
        runner = Runner.from_cfg(cfg)
        runner.train()

        def judge() -> list[float]:
            return [accuracy(runner, domain) for domain in reversed(DOMAINS)]

        rows = {norm: judge()}
        if norm == 'GN':
            return rows
        trained = copy.deepcopy(runner.model.state_dict())
        for name, batches in {
                'target, test pipeline': training_images(
                    runner, 'target', pipelines),
                'target, train pipeline': training_images(
                    runner, 'target', 'train', 16),
                'source, test pipeline': training_images(
                    runner, 'source', pipelines)}.items():
            measure_again(runner.model, batches)
            rows[f'{norm}, statistics of {name}'] = judge()
            runner.model.load_state_dict(trained)
    return rows


def main() -> None:
    """Train all runs and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument('--norms', nargs='+', default=list(NORMS),
                        choices=list(NORMS))
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--shots', type=int, default=2,
                        help='labelled target images a class')
    parser.add_argument('--shift', default='none',
                        choices=['none', 'resolution', 'inverted'],
                        help='MNIST in its own resolution, with margins, or '
                        'inverted')
    parser.add_argument('--full-size', dest='small', action='store_false',
                        help='width and images as in the config')
    args = parser.parse_args()

    found = {}
    for seed, norm in itertools.product(args.seeds, args.norms):
        for name, accuracies in run(args, norm, seed).items():
            found.setdefault(name, []).append(accuracies)
            print(seed, name, *(f'{a:.1f}' for a in accuracies), flush=True)
    print('| normalization | target, % | source, % |\n|---|---|---|')
    for name, values in found.items():
        mean, deviation = np.mean(values, 0), np.std(values, 0)
        print(f'| {name} | ' + ' | '.join(
            f'{m:.1f} ({d:.1f})'
            for m, d in zip(mean, deviation, strict=True)) + ' |')


if __name__ == '__main__':
    main()
