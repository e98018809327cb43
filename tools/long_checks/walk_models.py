"""Turn every model file of MMPretrain into a JTLN and take a training step.

    python tools/long_checks/walk_models.py
    python tools/long_checks/walk_models.py --only 'swin*' --limit 3

For each file under MMPretrain's `configs/_base_/models` the config is
inherited and only the type and the two heads' numbers of classes are named.
The model is built, takes one joint step on random images (two of each domain,
OT term on, random cost matrix) and predicts. A file is `ok` if the losses are
finite, gradients reach the backbone and both heads, and each head predicts.

Networks are built at full width and depth, with PyTorch's random weights;
images are the smallest of 64, 128, 224, 256, 299 and 384 pixels that the
network takes, to spare the processor. Parameters that no loss reaches are
named, because DistributedDataParallel wants `find_unused_parameters=True`
for them.

Each result is a line of `--results`; a file with a line there is not walked
again. At the end comes a Markdown table of all of them.
"""
import argparse
import copy
import gc
import inspect
import json
import re
import warnings
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmpretrain.models import ClsHead
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

import mmjtln  # noqa: F401  registers JTLNClassifier
from mmjtln.hosts import host_file

SIZES = (64, 128, 224, 256, 299, 384)
SOURCE_CLASSES, TARGET_CLASSES = 7, 5


def not_single_label(model: dict) -> str:
    """Say why a model is no single-label classifier, '' if it is one."""
    if model['type'] != 'ImageClassifier':
        return f'{model["type"]} is no ImageClassifier'
    if not issubclass(MODELS.get(model['head']['type']), ClsHead):
        return 'multi-label head'
    return ''


def joint(model: dict, size: int) -> dict:
    """Name what differs between a stock classifier and a JTLN."""
    cfg = Config(dict(model=copy.deepcopy(dict(model))))
    cfg.merge_from_dict(dict(model=dict(
        type='mmjtln.JTLNClassifier', head=dict(num_classes=TARGET_CLASSES),
        source_head=dict(num_classes=SOURCE_CLASSES))))
    # Some backbones ask for the size of the images.
    backbone = cfg.model.backbone
    takes = inspect.signature(MODELS.get(backbone.type)).parameters
    if 'img_size' in takes:
        known = backbone.get('img_size', takes['img_size'].default)
        backbone.img_size = (size, size) if isinstance(
            known, (tuple, list)) else size
    return cfg.model


def batch(size: int, channels: int) -> dict:
    """Make a raw batch of two random images a domain."""
    samples = [
        DataSample(metainfo=dict(domain=domain)).set_gt_label(row)
        for row, domain in enumerate(('source', 'target') * 2)]
    images = torch.randint(0, 256, (4, channels, size, size)).float()
    return dict(inputs=images, data_samples=samples)


def step(model: nn.Module, size: int, channels: int) -> list[str]:
    """Train one step and predict; return the names of unused parameters."""
    model.ot_loss.set_cost(torch.rand(SOURCE_CLASSES, TARGET_CLASSES))
    model.train()
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-4))
    data = model.data_preprocessor(batch(size, channels), training=True)
    losses = model(**data, mode='loss')
    for name in ('target_loss', 'source_loss', 'ot_loss'):
        assert losses[name].isfinite(), f'{name} is {losses[name].item()}'
    optim.backward(model.parse_losses(losses)[0])
    for name in ('backbone', 'head', 'source_head'):
        assert any(p.grad is not None and p.grad.any()
                   for p in getattr(model, name).parameters()
                   ), f'no gradient reaches the {name}'
    unused = [name for name, p in model.named_parameters()
              if p.requires_grad and p.grad is None]
    optim.step()

    model.eval()
    for domain, classes in (('target', TARGET_CLASSES),
                            ('source', SOURCE_CLASSES)):
        data = batch(size, channels)
        for sample in data['data_samples']:
            sample.set_metainfo(dict(domain=domain))
        with torch.no_grad():
            for sample in model.test_step(data):
                score = sample.pred_score
                assert score.shape == (classes, ) and abs(
                    score.sum() - 1) < 1e-3, f'{domain} scores are {score}'
    return unused


def describe_unused(names: list[str]) -> str:
    """Say which parameters no loss reaches, one word for all layers."""
    if not names:
        return ''
    kinds = dict.fromkeys(
        re.sub(r'(?<=\.)\d+(?=\.)', '*', name.rpartition('.')[0])
        for name in names)
    return (f'{len(names)} parameters never used, {", ".join(kinds)}: '
            '`find_unused_parameters=True`')


def _attempt(stock: dict, size: int, channels: int) -> dict:
    # On its own, so that no two models are in memory at a time.
    model = MODELS.build(joint(stock, size))
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    return dict(status='ok', size=size, millions=millions,
                note=describe_unused(step(model, size, channels)))


def walk_one(path: Path) -> dict:
    """Walk one model file; return a row of the results, a dict.

    It has ``head``, ``status`` (ok, no or FAIL) and ``note``, where it is ok
    also ``size`` of the images and ``millions`` of parameters.
    """
    torch.manual_seed(0)
    stock = Config.fromfile(path).model
    result = dict(head=stock.get('head', {}).get('type', ''))
    reason = not_single_label(stock)
    if reason:
        return dict(result, status='no', note=reason)
    channels = 1 if stock.backbone.type == 'LeNet5' else 3
    failures = {}  # Message -> sizes at which it came.
    for size in SIZES:
        try:
            return dict(result, **_attempt(stock, size, channels))
        except Exception as error:  # Whatever it is, it goes into the table.
            note = f'{type(error).__name__}: {error}'.splitlines()[0][:250]
            failures.setdefault(note, []).append(size)
        finally:
            gc.collect()
    try:
        MODELS.build(stock)
    except Exception as error:
        return dict(result, status='no', note='MMPretrain cannot build the '
                    f'file itself: {str(error).splitlines()[0][:100]}')
    return dict(result, status='FAIL', note=' / '.join(
        f'{note} (at {sizes} px)' for note, sizes in failures.items()))


def table(results: dict) -> str:
    """Format the results as Markdown."""
    lines = ['| file | head | parameters | images | result |',
             '|---|---|---|---|---|']
    for name, row in sorted(results.items()):
        note = row['note'].replace('|', '/')
        status = f'{row["status"]}: {note}' if note else row['status']
        size = f'{row["millions"]:.1f} M | {row["size"]} px' if (
            'size' in row) else '|'
        lines.append(f'| {name} | {row["head"]} | {size} | {status} |')
    count = Counter(row['status'] for row in results.values())
    lines += ['', f'{len(results)} files: {count["ok"]} ok, {count["no"]} no '
              f'single-label model of MMPretrain, {count["FAIL"]} failed.']
    return '\n'.join(lines)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--only', default='*',
                        help='walk files whose path fits this pattern')
    parser.add_argument('--limit', type=int,
                        help='walk so many files at most')
    parser.add_argument('--results', type=Path,
                        default=Path('work_dirs/walk_models.jsonl'),
                        help='one line a file walked; those are not repeated')
    return parser.parse_args()


def main() -> None:
    """Walk the files that are not yet in the results."""
    args = parse_args()
    warnings.simplefilter('ignore')
    init_default_scope('mmpretrain')
    folder = host_file('configs/_base_/models')
    results = {}
    if args.results.is_file():
        for line in args.results.read_text().splitlines():
            row = json.loads(line)
            results[row.pop('file')] = row
    names = [path.relative_to(folder).as_posix()
             for path in sorted(folder.rglob('*.py'))]
    names = [name for name in names
             if name not in results and fnmatch(name, args.only)]
    args.results.parent.mkdir(parents=True, exist_ok=True)
    with args.results.open('a') as file:
        for name in names[:args.limit]:
            results[name] = walk_one(folder / name)
            file.write(json.dumps(dict(file=name, **results[name])) + '\n')
            file.flush()
    print(table(results))


if __name__ == '__main__':
    main()
