"""Building, holding and reading a loader, beside MMPretrain's own."""
import argparse
import multiprocessing
import os
import random
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import full_size_data
import numpy as np
import torch
from mmengine.dataset import DefaultSampler, default_collate
from mmpretrain.registry import DATASETS
from timing import in_turn, quartiles
from torch.utils.data import DataLoader, Dataset, Sampler

from mmjtln.datasets import JointSampler
from mmjtln.datasets.sampling.sample_seed import SeededIndex
from mmjtln.generators import seed_generators
from mmjtln.models import JTLNClassifier  # noqa: F401  imported once, here

BATCH = 64


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            found += tree(int(child))
    return found


def memory(pids: Iterable[int], field: str = 'Pss') -> float:
    """Return MiB of processes.

    ``Pss`` divides a shared page among those who share it, so that its sum
    is what the processes take of the machine; ``Private`` is what is gone
    when they end.
    """
    return sum(
        int(kilobytes) for pid in pids for kilobytes in re.findall(
            rf'^{field}(?:_Clean|_Dirty)?: +(\d+) kB',
            Path(f'/proc/{pid}/smaps_rollup').read_text(), re.M)) / 1024


def peak() -> float:
    """Return the most MiB this process has had in memory."""
    text = Path('/proc/self/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+)', text)[1]) / 1024


def cpu_seconds() -> float:
    """Return the CPU time of this process and of children that ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(
        resource.getrusage,
        (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def in_a_fork(function: Callable, *args: Any) -> Any:
    """Call a function in a fork of this process and return its result."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=lambda: theirs.send(function(*args)))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


def build(kind: str, folder: Path) -> tuple[Dataset, Sampler]:
    """Build the data set and what gives the order of a kind of run."""
    cfg = (full_size_data.config if kind == 'joint' else
           full_size_data.stock_config)(folder)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    sampler = DefaultSampler(dataset, seed=0)
    return dataset, (JointSampler(sampler, BATCH) if kind == 'joint'
                     else sampler)


def load(kind: str, folder: Path, workers: int) -> dict:
    """Build one kind of loader; return seconds and MiB."""
    found, own = {}, os.getpid()
    before = memory(tree(own))
    Path('/proc/self/clear_refs').write_text('5')  # Let the peak begin here.
    base, start = peak(), cpu_seconds()
    dataset, sampler = build(kind, folder)
    found['Build, CPU s'] = cpu_seconds() - start
    found['Peak while building, MiB'] = peak() - base

    def order(name: str, *args: Any, **kwargs: Any) -> None:
        sampler.set_epoch(*args, **kwargs)
        start = time.process_time()
        next(iter(sampler))
        found[f'Order {name}, CPU ms'] = 1e3 * (time.process_time() - start)

    order('at the start of epoch 40', 40)
    if kind == 'joint':
        order('in the middle of epoch 40, drawn before', 40,
              first_batch=len(sampler) // 2)
    sampler.set_epoch(0)
    batches = iter(DataLoader(
        dataset, num_workers=workers, collate_fn=default_collate,
        **(dict(batch_sampler=sampler) if kind == 'joint' else
           dict(batch_size=BATCH, sampler=sampler))))
    for _ in range(2 * workers):
        next(batches)
    processes = tree(own)
    found['Main process and workers, MiB'] = memory(processes) - before
    found['Private to a worker, MiB'] = statistics.median(
        memory([pid], 'Private') for pid in processes[1:])
    return found


def measure_loaders(folder: Path, args: argparse.Namespace
                    ) -> Iterator[tuple]:
    """Yield the rows on what building and holding the loaders takes."""
    found = in_turn({
        kind: lambda k=kind: in_a_fork(load, k, folder, args.workers)
        for kind in ('stock', 'joint')}, args.repeats)
    for name in found['joint'][0]:
        yield name, *(
            statistics.median(part[name] for part in found[kind])
            for kind in ('joint', 'stock') if name in found[kind][0])


class Plain:
    """Two data sets one after the other, and nothing else."""

    def __init__(self, first: Dataset, second: Dataset) -> None:
        self.first, self.second = first, second
        self.seeded = False

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, idx: SeededIndex) -> dict:
        if self.seeded:
            seed_generators(idx.seed)
        rest = idx - len(self.first)
        return self.second[rest] if rest >= 0 else self.first[idx]


def pair(folder: Path, batches: int) -> dict[str, DataLoader]:
    """Return a joint loader, and the least code that gives its batches."""
    joint, _ = build('joint', folder)
    sampler = JointSampler(
        DefaultSampler(joint, seed=0), BATCH, epoch=batches)
    return dict(
        joint=DataLoader(
            joint, batch_sampler=sampler, collate_fn=default_collate),
        plain=DataLoader(
            Plain(joint.source, joint.target), batch_sampler=list(sampler),
            collate_fn=default_collate))


def epoch(loader: DataLoader) -> Iterator[dict]:
    """Go through a loader from one state of the random numbers."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    yield from loader


def check_equal(joint: DataLoader, plain: DataLoader) -> None:
    """With each image seeded, both give the same batches."""
    plain.dataset.seeded = True
    for ours, theirs in zip(list(epoch(joint)), epoch(plain), strict=True):
        assert all(map(torch.equal, ours['inputs'], theirs['inputs']))
    plain.dataset.seeded = False


def cpu_time(loader: DataLoader) -> float:
    """Return the CPU seconds of an epoch, which others disturb little."""
    start = time.process_time()
    for _ in epoch(loader):
        pass
    return time.process_time() - start


def images(folder: Path, repeats: int, batches: int = 4
           ) -> tuple[float, float, str]:
    """Load the same batches jointly and plainly, in turn."""
    cv2.setNumThreads(0)
    loaders = pair(folder, batches)
    check_equal(**loaders)
    times = in_turn({kind: lambda x=loader: cpu_time(x)
                     for kind, loader in loaders.items()}, repeats)
    low, _, high = quartiles(times['joint'], times['plain'])
    scale = 1e6 / BATCH / batches
    return (*(scale * statistics.median(times[kind])
              for kind in ('joint', 'plain')), f'({low:.3f} to {high:.3f})')


def measure_images(folder: Path, args: argparse.Namespace
                   ) -> Iterator[tuple]:
    """Yield the row on joint loading beside plain loading."""
    yield 'Loading, CPU us an image', *in_a_fork(images, folder, args.loads)
