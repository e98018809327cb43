"""What cost matrices take at full size, from images and from names."""
import argparse
import random
import time
from pathlib import Path

import full_size_data
import torch
from full_size_memory import peak, reset_peak
from mmengine.registry import DefaultScope
from mmpretrain.datasets.categories import FGVCAIRCRAFT_CATEGORIES
from mmpretrain.registry import DATASETS, MODELS

from mmjtln.costs import ClassFeatures, MKMMDCost, TextCost
from mmjtln.datasets import ClassList
from mmjtln.datasets.class_lists import classes_of
from mmjtln.visualization import draw_cost, write_png

#: Classes of the whole of ImageNet, as WordNet's synsets name them.
ALL_CLASSES = 21841


def features(folder: Path, args: argparse.Namespace) -> dict:
    """Time features of images, and MK-MMD of so many a class."""
    cfg = full_size_data.config(folder)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    builder = MKMMDCost(pipeline=cfg.test_pipeline,
                        samples_per_class=args.cost_images)
    start = time.process_time()
    source, target, model = builder.prepare(
        dataset.source, dataset.target, model)
    found = {'MK-MMD: choice of the images, CPU s':
             time.process_time() - start}
    start = time.process_time()
    for domain in (source, target):
        builder._features(domain, model)
    found[f'MK-MMD: features, {args.cost_images} images a class, CPU ms an '
          'image'] = 1e3 * (time.process_time() - start) / (
              len(source) + len(target))
    generator = torch.Generator().manual_seed(0)
    parts = []
    for domain in ('source', 'target'):
        classes = len(classes_of(getattr(dataset, domain), domain))
        parts.append(ClassFeatures(
            torch.randn(20 * classes, 4096, generator=generator),
            torch.arange(classes).repeat_interleave(20), classes))
    start = time.process_time()
    builder._compare(*parts)
    found['MK-MMD: comparison, 20 images a class, CPU s'] = (
        time.process_time() - start)
    return found


def text(folder: Path, args: argparse.Namespace) -> dict:
    """Time the cost by names, and the file and picture of a large one.

    ImageNet's names beside FGVC-Aircraft's; then as many classes as the whole
    of ImageNet has, named by two words of ImageNet's names each, beside
    ImageNet's 1,000.
    """
    imagenet = ClassList('imagenet')
    words = sorted({word for names in imagenet.metainfo['synonyms']
                    for name in names for word in name.split()})
    rng = random.Random(0)
    pairs = {}
    while len(pairs) < ALL_CLASSES:
        pairs[' '.join(rng.sample(words, 2))] = None
    found = {}
    for name, source, target in (
            ('text: 1,000 x 100', imagenet,
             ClassList(list(FGVCAIRCRAFT_CATEGORIES))),
            (f'text: {ALL_CLASSES:,} x 1,000', ClassList(list(pairs)),
             imagenet)):
        reset_peak()
        before = peak()
        start = time.process_time()
        cost = TextCost()(source, target)
        found[f'{name}, CPU s'] = time.process_time() - start
        found[f'{name}, most memory beyond the start, MiB'] = peak() - before
    file = folder / 'cost.npz'
    start = time.process_time()
    cost.save(file)
    found[f'{name}: writing the file, CPU s'] = time.process_time() - start
    found[f'{name}: the file, MiB'] = file.stat().st_size / 2**20
    start = time.process_time()
    type(cost).load(file)
    found[f'{name}: reading it, CPU s'] = time.process_time() - start
    file.unlink()
    picture = folder / 'cost.png'
    start = time.process_time()
    write_png(draw_cost(cost), picture)
    found[f'{name}: drawing it, CPU s'] = time.process_time() - start
    found[f'{name}: the picture, MiB'] = picture.stat().st_size / 2**20
    picture.unlink()
    return found
