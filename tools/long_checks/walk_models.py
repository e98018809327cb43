"""Turn every model file of MMPretrain into a JTLN and take a training step.

    python tools/long_checks/walk_models.py
    python tools/long_checks/walk_models.py --only 'swin*'

Each file under MMPretrain's `configs/_base_/models` is inherited, and only the
type and the two heads' numbers of classes are named. The model takes one joint
step on random images (two of each domain, random cost matrix) of its smallest
size, and predicts. A file is `ok` if the losses are finite, gradients reach
backbone and heads, and each predicts. Parameters that no loss reaches are
named: DistributedDataParallel wants `find_unused_parameters=True` for them.
"""
import argparse
import copy
import gc
import inspect
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

import mmjtln  # noqa: F401  registers JTLNClassifier
from mmjtln.hosts import host_file

SIZES = (64, 128, 224, 256, 299, 384)
SOURCE_CLASSES, TARGET_CLASSES = 7, 5


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


def attempt(stock: dict, size: int, channels: int) -> dict:
    """Build, train one step and predict; return what was found, by name."""
    model = MODELS.build(joint(stock, size))
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
    with torch.no_grad():
        for sample in model.test_step(batch(size, channels)):
            score, classes = sample.pred_score, dict(
                source=SOURCE_CLASSES, target=TARGET_CLASSES)[sample.domain]
            assert score.shape == (classes, ) and abs(
                score.sum() - 1) < 1e-3, f'{sample.domain} scores are {score}'
    # One word for all layers.
    kinds = dict.fromkeys(
        re.sub(r'(?<=\.)\d+(?=\.)', '*', name.rpartition('.')[0])
        for name in unused)
    note = (f'{len(unused)} parameters never used, {", ".join(kinds)}: '
            '`find_unused_parameters=True`') if unused else ''
    return dict(status='ok', size=size, note=note, millions=sum(
        p.numel() for p in model.parameters()) / 1e6)


def walk_one(path: Path) -> dict:
    """Walk one model file; return what was found, by name."""
    torch.manual_seed(0)
    stock = Config.fromfile(path).model
    result = dict(head=stock.get('head', {}).get('type', ''))
    if stock['type'] != 'ImageClassifier':
        return dict(result, status='no',
                    note=f'{stock["type"]} is no ImageClassifier')
    if not issubclass(MODELS.get(stock['head']['type']), ClsHead):
        return dict(result, status='no', note='multi-label head')
    channels = 1 if stock.backbone.type == 'LeNet5' else 3
    failures = {}  # Message -> sizes at which it came.
    for size in SIZES:
        try:
            return dict(result, **attempt(stock, size, channels))
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


def row(name: str, found: dict) -> str:
    """Format what was found as a row of the table."""
    note = found['note'].replace('|', '/')
    status = f'{found["status"]}: {note}' if note else found['status']
    size = f'{found["millions"]:.1f} M | {found["size"]} px' if (
        'size' in found) else '|'
    return f'| {name} | {found["head"]} | {size} | {status} |'


def main() -> None:
    """Walk the files and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--only', default='*',
                        help='walk files whose path fits this pattern')
    pattern = parser.parse_args().only
    warnings.simplefilter('ignore')
    init_default_scope('mmpretrain')
    folder = host_file('configs/_base_/models')
    count = Counter()
    print('| file | head | parameters | images | result |')
    print('|---' * 5 + '|')
    for path in sorted(folder.rglob('*.py')):
        name = path.relative_to(folder).as_posix()
        if fnmatch(name, pattern):
            found = walk_one(path)
            count[found['status']] += 1
            print(row(name, found), flush=True)
    print(f'\n{count.total()} files: {count["ok"]} ok, {count["no"]} no '
          f'single-label model of MMPretrain, {count["FAIL"]} failed.')


if __name__ == '__main__':
    main()
