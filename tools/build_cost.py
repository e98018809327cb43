"""Build, describe and draw the cost matrix of a config.

    python tools/build_cost.py configs/jtln_alexnet.py \
        --checkpoint source.pth --out cost.npz
    python tools/build_cost.py configs/jtln_alexnet.py \
        --checkpoint source.pth --method MKMMDCost ConfusionCost

Without ``--method`` the builder is that of the config's CostMatrixHook.
Builders that look at images use that hook's pipeline, else the validation or
test data's. Writes the matrix (for FileCost), a heat map and a summary.
"""
import argparse
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import MODELS
from scipy import special
from torch import nn

from mmjtln.checkpoints.weights import load_file, load_weights, state_of
from mmjtln.costs import CostMatrix, ImageCost
from mmjtln.datasets.class_lists import names_match
from mmjtln.domains import DOMAINS
from mmjtln.errors import end_in_words, require
from mmjtln.files.atomic_file import check_out
from mmjtln.registry import COSTS, DATASETS
from mmjtln.run_config import (
    OptionsAction,
    fill_class_counts,
    name_checkpoint,
    parts_of_type,
    pipeline_in,
    read_config,
)
from mmjtln.visualization import write_cost

TIE = 1e-6  # Costs that differ by less of their range count as equal.
REG = 0.1  # That of OTLoss.
LINES = 50  # Classes of a side whose nearest are printed.


def config_of_hook(cfg: Config) -> dict:
    """Config of the builder in one of the config's hooks, or {}."""
    hooks = parts_of_type(cfg.get('custom_hooks'), 'CostMatrixHook',
                          'HeadInitHook')
    return next((dict(hook['cost']) for hook in hooks if hook.get('cost')), {})


def cost_configs(cfg: Config, methods: Sequence[str] | None,
                 options: dict) -> list[dict]:
    """Configs of the builders asked for, with a pipeline to look at images."""
    of_hook, configs = config_of_hook(cfg), []
    require(methods or of_hook, 'A cost needs a builder',
            'but no hook of the config has one', 'Name it by --method')
    for method in methods or [of_hook['type']]:
        kind = method if '.' in method else f'mmjtln.{method}'
        require(COSTS.get(kind), 'A builder is one of '
                + ', '.join(sorted(COSTS.module_dict)), f'got {method!r}',
                'Change --method')
        base = of_hook if kind == of_hook.get('type') else {}
        configs.append({**deepcopy(base), 'type': kind, **options})
        part = configs[-1].get('cost', configs[-1])  # That of a ShuffledCost.
        pipeline = find_pipeline(cfg)
        if pipeline and issubclass(COSTS.get(part['type']), ImageCost):
            part.setdefault('pipeline', pipeline)
    return configs


def find_pipeline(cfg: Config) -> list | dict | None:
    """Find the pipeline of the hook, the validation or the test data."""
    pipeline = config_of_hook(cfg).get('pipeline')
    for split in ('val', 'test'):
        dataset = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
        if pipeline is None and dataset:
            pipeline = pipeline_in(dataset)
            if 'source' in dataset and not any(
                    parts_of_type(dataset, 'ClassList')):
                pipeline = {domain: pipeline_in(dataset[domain])
                            for domain in DOMAINS}
    return pipeline


def build_model(cfg: Config, checkpoint: str | None,
                source_classes: Sequence[str]) -> nn.Module | None:
    """Build the config's model and load what the checkpoint has of it."""
    if cfg.get('model') is None:
        return None
    model = MODELS.build(dict(
        data_preprocessor=cfg.get('data_preprocessor'), **cfg.model))
    if checkpoint is None:
        model.init_weights()
        print('No --checkpoint: the network has its initial weights.')
    else:
        load_file(model, checkpoint, ('backbone', 'neck'))
        load_source_head(model, checkpoint, source_classes)
    return model.to(get_device())


def load_source_head(model: nn.Module, checkpoint: str,
                     source_classes: Sequence[str]) -> None:
    """Load the source classifier, also out of a stock network's ``head``."""
    state = state_of(CheckpointLoader.load_checkpoint(checkpoint, 'cpu'))
    own = 'source_head' if hasattr(model, 'source_head') else 'head'
    two = any(key.startswith('source_head.') for key in state)
    given = 'source_head.' if two else 'head.'
    trained_on = model._dataset_meta.get('classes', ())
    if two or names_match(trained_on, source_classes):
        load_weights(model, {f'{own}.{key.removeprefix(given)}': value
                             for key, value in state.items()
                             if key.startswith(given)}, checkpoint, (own, ))


def describe(cost: CostMatrix, top: int) -> str:
    """Return what a matrix holds, and the ``top`` nearest of each class.

    softmax(-C / reg) is the pseudo-label that the OT loss gives when the
    other side is sure.
    """
    matrix = cost.matrix
    report = [f'{cost.method}: {matrix.shape[0]} source x {matrix.shape[1]} '
              'target classes', f'range {matrix.min():.3g} to '
              f'{matrix.max():.3g}, median {np.median(matrix):.3g}']
    lists = []
    for side, view, names, other, others in (
            ('target', matrix.T, cost.target_classes, 'source',
             cost.source_classes),
            ('source', matrix, cost.source_classes, 'target',
             cost.target_classes)):
        least = view.min(axis=1, keepdims=True) + TIE * np.ptp(view)
        ties = ((view <= least).sum(axis=1) > 1).mean()
        entropy = special.entr(
            special.softmax(-view / REG, axis=1)).sum(axis=1).mean()
        report.append(
            f'{side} classes: {ties:.0%} have a tie for the nearest; '
            f'pseudo-label at reg {REG:g}: entropy {entropy:.2f} nats, as of '
            f'{np.exp(entropy):.1f} equal classes of {len(others)}')
        width = max(map(len, names[:LINES]))
        lists += ['', f'nearest {other} classes of each {side} class:', *(
            f'  {name:<{width}}  ' + ', '.join(
                f'{others[k]} {row[k]:.3f}'
                for k in np.argsort(row, kind='stable')[:top])
            for name, row in zip(names[:LINES], view, strict=False))]
        if len(names) > LINES:
            lists.append(f'  ... and {len(names) - LINES} more')
    return '\n'.join(report + lists)


def main() -> None:
    """Build each matrix, write it, draw it and say what it holds."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    options = dict(nargs='+', action=OptionsAction, default={},
                   metavar='KEY=VALUE')
    add('config', help='a config with a JointDataset')
    add('--method', nargs='+', metavar='NAME',
        help='builders of the registry COSTS, such as MKMMDCost; with several '
        'the files are named after them')
    add('--cost-options', **options, help='such as stage=backbone')
    add('--cfg-options', **options, help='override settings of the config')
    add('--checkpoint', help='weights of the model, such as those of a '
        "network trained on the source; defaults to the config's load_from")
    add('--out', default='cost.npz', help='file to write')
    add('--top', type=int, default=3, help='nearest classes to print')
    args = parser.parse_args()
    check_out(args.out)
    cfg = read_config(args.config, args.cfg_options)
    fill_class_counts(name_checkpoint(cfg))
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    builders = [COSTS.build(found) for found in cost_configs(
        cfg, args.method, args.cost_options)]
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    source, target = dataset.source, dataset.target
    model = build_model(cfg, args.checkpoint or cfg.get('load_from'),
                        source.metainfo['classes'])
    for builder in builders:
        builder.check(source, target, model)
    for builder in builders:
        name = type(builder).__name__
        start = time.perf_counter()
        cost = builder(source, target, model)
        seconds, out = time.perf_counter() - start, Path(args.out)
        if len(builders) > 1:
            out = out.with_name(f'{out.stem}.{name}{out.suffix}')
        cost.save(out)
        picture = out.with_suffix('.png')
        write_cost(cost, picture)
        print(f'\n{describe(cost, args.top)}\n\nbuilt by {name} in '
              f'{seconds:.1f} s, saved to {out} and {picture}')


if __name__ == '__main__':
    end_in_words()
    main()
