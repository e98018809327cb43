"""The paper's full size, rehearsed on made-up data, beside MMPretrain alone.

    OMP_NUM_THREADS=1 python tools/benchmarks/full_size.py

Data: both annotation lists at their full length (ILSVRC2012, FGVC-Aircraft), a
few thousand JPEG files of 500 x 375 pixels standing for all, see
`full_size_data.py`. Each contestant does the same work in a process of its
own, in turn, since the machine may have other work; figures are medians.
Memory is what processes take of the machine, shared pages counted once.

Parts (``--parts``): `load` builds data set, sampler and loader with eight
workers, beside those of a stock run; `images` loads batches jointly and
plainly; `train` runs the ready config by `tools/train.py` beside a stock run
of the source by MMPretrain's own, step by step in turn, kills the joint one
and resumes it; `cost` builds cost matrices, of 21,841 classes, too. Linux
only.
"""
import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import full_size_data
import joint_loading
import torch
from full_size_costs import features, text
from full_size_memory import cpu_seconds, memory, peak, reset_peak, tree
from full_size_train import measure_training
from mmengine.dataset import DefaultSampler, default_collate
from mmpretrain.registry import DATASETS
from torch.utils.data import DataLoader, Dataset, Sampler

from mmjtln.datasets import JointSampler
from mmjtln.models import JTLNClassifier  # noqa: F401  imported once, here

BATCH = 64


def in_a_process(function: Callable, *args: Any) -> Any:
    """Call a function in a fork of this process and return its result."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe(duplex=False)

    def run() -> None:
        theirs.send(function(*args))

    process = context.Process(target=run)
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


def build(kind: str, folder: Path) -> tuple[Dataset, Sampler]:
    """Build the data set and what gives the order of a kind of run."""
    if kind == 'joint':
        cfg = full_size_data.config(folder)
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        return dataset, JointSampler(DefaultSampler(dataset, seed=0), BATCH)
    cfg = full_size_data.stock_config(folder)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return dataset, DefaultSampler(dataset, seed=0)


def load(kind: str, folder: Path, workers: int) -> dict:
    """Build one kind of loader; return seconds and MiB."""
    found = {}
    before = memory(tree(multiprocessing.current_process().pid))['Pss']
    reset_peak()
    base = peak()
    start = cpu_seconds()
    dataset, sampler = build(kind, folder)
    found['build, CPU s'] = cpu_seconds() - start
    found['peak while building, MiB'] = peak() - base
    sampler.set_epoch(40)
    start = time.process_time()
    next(iter(sampler))
    found['order at the start of epoch 40, CPU ms'] = 1e3 * (
        time.process_time() - start)
    sampler.set_epoch(41)
    start = time.process_time()
    next(iter(sampler))
    found['order at the start of the next epoch, CPU ms'] = 1e3 * (
        time.process_time() - start)
    if kind == 'joint':
        sampler.set_epoch(40, first_batch=len(sampler) // 2)
        start = time.process_time()
        next(iter(sampler))
        found['order in the middle of epoch 40, drawn before, CPU ms'] = (
            1e3 * (time.process_time() - start))
        sampler.set_epoch(0)
    order = dict(batch_sampler=sampler) if kind == 'joint' else dict(
        batch_size=BATCH, sampler=sampler)
    loader = DataLoader(
        dataset, **order, num_workers=workers, persistent_workers=workers > 0,
        collate_fn=default_collate)
    batches = iter(loader)
    for _ in range(2 * workers):
        next(batches)
    own = multiprocessing.current_process().pid
    processes = tree(own)
    found['main process and workers, MiB'] = memory(processes)['Pss'] - before
    if workers:
        private = [memory([pid])['private'] for pid in processes[1:]]
        found['private to a worker, MiB'] = statistics.median(private)
    return found


def measure_loaders(folder: Path, args: argparse.Namespace) -> None:
    """Print what building and holding the loaders takes."""
    found = dict(stock=[], joint=[])
    for repeat in range(args.repeats):
        for kind in sorted(found, reverse=bool(repeat % 2)):
            found[kind].append(in_a_process(load, kind, folder, args.workers))
    for name in found['joint'][0]:
        stock, joint = (
            statistics.median(part[name] for part in found[kind])
            if name in found[kind][0] else None
            for kind in ('stock', 'joint'))
        row(f'{name[0].upper()}{name[1:]}', joint, stock)


def measure_images(folder: Path, args: argparse.Namespace) -> None:
    """Print what joint loading takes beside plain loading."""
    row('Loading, CPU us an image', *in_a_process(images, folder, args))


def images(folder: Path, args: argparse.Namespace) -> tuple[float, float, str]:
    """Load the same batches jointly and plainly, in turn."""
    cv2.setNumThreads(0)
    cfg = full_size_data.config(folder).train_dataloader.dataset
    domains = [DATASETS.build(cfg[domain]) for domain in ('source', 'target')]
    options = argparse.Namespace(batch_size=BATCH, batches=4)
    joint_loading.check_equal(**joint_loading.loaders(domains, options, 0))
    pair = joint_loading.loaders(domains, options, 0)
    times = dict(joint=[], plain=[])
    for repeat in range(args.loads):
        for kind in sorted(times, reverse=bool(repeat % 2)):
            times[kind].append(joint_loading.time_epoch(pair[kind]))
    ratios = [joint / plain for joint, plain in zip(
        times['joint'], times['plain'], strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    scale = 1e6 / BATCH / options.batches
    return (*(scale * statistics.median(times[kind])
              for kind in ('joint', 'plain')),
            f'quartiles {low:.3f} to {high:.3f}')


def measure_costs(folder: Path, args: argparse.Namespace) -> None:
    """Print what the making of cost matrices takes."""
    for part in (features, text):
        for name, value in in_a_process(part, folder, args).items():
            row(name, value)


def row(name: str, joint: float | str, stock: float | None = None,
        note: str = '') -> None:
    """Print a row of the table."""
    cells = [f'{value:.4g}' if isinstance(value, float) else
             '' if value is None else str(value) for value in (joint, stock)]
    ratio = f'{joint / stock:.3f}' if stock else ''
    if note:
        ratio = f'{ratio} ({note})' if ratio else note
    print(f'| {name} | {cells[0]} | {cells[1]} | {ratio} |', flush=True)


PARTS = dict(load=measure_loaders, images=measure_images,
             train=measure_training, cost=measure_costs)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--parts', nargs='+', default=list(PARTS),
                        choices=list(PARTS), help='what is measured')
    parser.add_argument('--images', type=int, default=1281167,
                        help='lines of the source\'s list')
    parser.add_argument('--pictures', type=int, default=2000,
                        help='JPEG files that stand for all')
    parser.add_argument('--workers', type=int, default=8)
    parser.add_argument('--repeats', type=int, default=3,
                        help='loaders of each kind')
    parser.add_argument('--loads', type=int, default=21,
                        help='timed epochs of joint and plain loading')
    parser.add_argument('--steps', type=int, default=12,
                        help='timed training steps of each kind')
    parser.add_argument('--cost-images', type=int, default=1,
                        help='images a class whose features are timed')
    parser.add_argument('--folder', help='where to make the data; a '
                        'temporary folder if not given')
    return parser.parse_args()


def main() -> None:
    """Make the data and print the table."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.folder or temporary).resolve()
        if not (folder / 'pictures').exists():
            full_size_data.make(folder, args.images, args.pictures)
        device = (torch.cuda.get_device_name() if torch.cuda.is_available()
                  else 'CPU')
        print(f'{args.images} and 3334 images, {device}, torch '
              f'{torch.__version__}\n')
        print('| | JTLN | MMPretrain alone | ratio |\n|---|---|---|---|')
        for part in args.parts:
            for values in PARTS[part](folder, args) or ():
                row(*values)


if __name__ == '__main__':
    main()
