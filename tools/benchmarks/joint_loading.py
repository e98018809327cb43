"""What joint loading costs beside plain loading of the same images.

Joint: a JointDataset under a JointSampler, in a stock DataLoader. Plain: the
same two data sets and pipelines behind the least code that indexes both,
with the very indices ready in a list, and without the seeding of each sample
that makes a joint run repeatable. With it, both give equal batches, which is
checked before anything is timed. Each repeat times the two one after the
other, in alternating order; the table shows medians over the repeats and the
quartiles of the repeats' own ratios. Without workers the time is that of the
processor, which other programs disturb little; with workers it is the wall's.

    python tools/benchmarks/joint_loading.py

Data: 'digits' is what `configs/jtln_alexnet.py` trains on, held in memory and
resized to 64 pixels. The others read JPEG files from a temporary folder for a
random resized crop of 224 pixels, as training on photographs does: 'jpeg' the
same digits enlarged to 256 x 256 pixels, which load faster than photographs
do; 'photographs' pieces of 500 x 375 pixels, about ImageNet's mean, cut at
random places from scikit-learn's two sample photographs.
"""
import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.dataset import DefaultSampler, default_collate
from sklearn.datasets import load_sample_images
from torch.utils.data import DataLoader, Dataset

from mmjtln.datasets import (
    FewShotDataset,
    JointDataset,
    JointSampler,
    MNIST5k,
    UCIDigits,
)
from mmjtln.datasets.sampling.sample_seed import SeededIndex
from mmjtln.generators import seed_generators


class Plain:
    """Two data sets one after the other, and nothing else."""

    def __init__(self, first: Dataset, second: Dataset) -> None:
        self.first, self.second = first, second
        self.length = len(first)
        self.seeded = False

    def __len__(self) -> int:
        return self.length + len(self.second)

    def __getitem__(self, idx: SeededIndex) -> dict:
        if self.seeded:
            seed_generators(idx.seed)
        if idx < self.length:
            return self.first[idx]
        return self.second[idx - self.length]


def digits(folder: str | Path | None = None
           ) -> tuple[Dataset, Dataset]:
    """Return both domains' digits; they need no folder."""
    pipeline = [
        dict(type='Resize', scale=64),
        dict(type='RandomCrop', crop_size=64, padding=4),
        dict(type='PackInputs')
    ]
    return MNIST5k(pipeline=pipeline), UCIDigits(pipeline=pipeline)


def enlarged(digit: np.ndarray) -> np.ndarray:
    """Return the digit in 256 x 256 pixels."""
    return cv2.resize(digit, (256, 256))


def jpeg(folder: Path, picture: Callable = enlarged) -> tuple[dict, dict]:
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='RandomResizedCrop', scale=224),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackInputs')
    ]
    for domain, dataset in zip(('source', 'target'), digits(), strict=True):
        few = FewShotDataset(dataset, shots=30)
        for i in range(len(few)):
            info = few.get_data_info(i)
            path = folder / domain / str(info['gt_label']) / f'{i}.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture(info['img']))
    return tuple(
        dict(type='CustomDataset', data_root=str(folder / domain),
             pipeline=pipeline) for domain in ('source', 'target'))


def photographs(folder: Path) -> tuple[dict, dict]:
    random.seed(0)
    images = load_sample_images().images

    def piece(digit: np.ndarray) -> np.ndarray:
        """Return a piece of a photograph, whatever the digit."""
        image = random.choice(images)
        top, left = (random.randint(0, length - size) for length, size in zip(
            image.shape, (375, 500), strict=False))
        return image[top:top + 375, left:left + 500, ::-1]

    return jpeg(folder, piece)


DATA = dict(digits=digits, jpeg=jpeg, photographs=photographs)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--data', nargs='+', default=list(DATA),
                        choices=list(DATA), help='what is loaded')
    parser.add_argument('--workers', nargs='+', type=int, default=[0, 2],
                        help='worker processes')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--batches', type=int, default=10,
                        help='batches in a timed epoch')
    parser.add_argument('--repeats', type=int, default=41,
                        help='timed epochs of each kind')
    return parser.parse_args()


def loaders(domains: Sequence[Dataset | dict], args: argparse.Namespace,
            workers: int) -> dict[str, DataLoader]:
    joint = JointDataset(*domains)
    sampler = JointSampler(
        DefaultSampler(joint, seed=0), args.batch_size, epoch=args.batches)
    common = dict(
        num_workers=workers, persistent_workers=workers > 0,
        collate_fn=default_collate)
    return dict(
        joint=DataLoader(joint, batch_sampler=sampler, **common),
        plain=DataLoader(
            Plain(joint.source, joint.target), batch_sampler=list(sampler),
            **common))


def batches(loader: DataLoader) -> Iterator[dict]:
    """Go through a loader from one state of the random numbers."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)  # Workers are seeded from this one.
    yield from loader


def check_equal(joint: DataLoader, plain: DataLoader) -> None:
    plain.dataset.seeded = True
    for ours, theirs in zip(
            list(batches(joint)), batches(plain), strict=True):
        assert torch.equal(ours['inputs'], theirs['inputs'])
        for a, b in zip(ours['data_samples'], theirs['data_samples'],
                        strict=True):
            assert a.gt_label == b.gt_label and a.img_path == b.img_path


def time_epoch(loader: DataLoader) -> float:
    clock = time.perf_counter if loader.num_workers else time.process_time
    start = clock()
    for _ in batches(loader):
        pass
    return clock() - start


def main() -> None:
    args = parse_args()
    # As MMEngine's runner does by default; its threads would fight workers.
    cv2.setNumThreads(0)
    images = args.batch_size * args.batches
    print('| data | workers | plain, us/image | joint, us/image '
          '| ratio of medians | quartiles of ratios |')
    print('|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as folder:
        for data in args.data:
            domains = DATA[data](Path(folder) / data)
            for workers in args.workers:
                check_equal(**loaders(domains, args, workers))
                pair = loaders(domains, args, workers)
                times = dict(joint=[], plain=[])
                for repeat in range(args.repeats):
                    for kind in sorted(times, reverse=repeat % 2):
                        times[kind].append(time_epoch(pair[kind]))
                joint, plain = (
                    statistics.median(times[kind]) / images * 1e6
                    for kind in ('joint', 'plain'))
                ratios = [
                    a / b for a, b in zip(
                        times['joint'], times['plain'], strict=True)
                ]
                low, _, high = statistics.quantiles(ratios, n=4)
                print(f'| {data} | {workers} | {plain:.1f} | {joint:.1f} '
                      f'| {joint / plain:.3f} | {low:.3f} to {high:.3f} |',
                      flush=True)


if __name__ == '__main__':
    main()
