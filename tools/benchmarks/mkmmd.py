"""MK-MMD of all pairs of classes, beside a double loop over the pairs.

    OMP_NUM_THREADS=1 python tools/benchmarks/mkmmd.py

Both get the same random features and bandwidths. The loop is the definition:
for each pair of classes the three kernel matrices, by torch.cdist and one
exponential a kernel. Printed are medians of runs in turn, their ratio and the
largest difference of the values.
"""
import argparse
import statistics

import torch
from timing import in_turn, seconds
from torch import Tensor

from mmjtln.costs import ClassFeatures
from mmjtln.costs.mkmmd import median_bandwidth, mkmmd


def double_loop(source: ClassFeatures, target: ClassFeatures,
                bandwidths: list[float]) -> Tensor:
    """MK-MMD by its definition, one pair of classes at a time."""

    def kernel_mean(x: Tensor, y: Tensor) -> Tensor:
        squared = torch.cdist(x, y).square()
        return sum(torch.exp(-squared / b).mean()
                   for b in bandwidths) / len(bandwidths)

    return torch.stack([torch.stack([
        kernel_mean(x, x) + kernel_mean(y, y) - 2 * kernel_mean(x, y)
        for y in map(target.of_class, range(target.num_classes))])
        for x in map(source.of_class, range(source.num_classes))])


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--classes', type=int, nargs=2, default=(100, 37))
    classes, images, size = parser.parse_args().classes, 20, 512
    torch.manual_seed(0)
    sides = []
    for count in classes:
        labels = torch.arange(count).repeat_interleave(images)
        sides.append(ClassFeatures(
            torch.randn(count, size)[labels] + torch.randn(len(labels), size),
            labels, count))
    middle = median_bandwidth(torch.cat([side.features for side in sides]))
    bandwidths, found = [middle * 2.0**m for m in range(-2, 3)], {}
    times = in_turn({
        call.__name__: lambda f=call: seconds(lambda: found.update({
            f: f(*sides, bandwidths)})) for call in (mkmmd, double_loop)}, 3)
    fast, slow = map(statistics.median, times.values())
    difference = (found[mkmmd] - found[double_loop]).abs().max()
    print(f'{classes[0]} x {classes[1]} classes, {images} images each, {size} '
          f'features, {torch.get_num_threads()} threads\nmkmmd {fast:.3f} s\n'
          f'double loop {slow:.3f} s, {slow / fast:.0f} times as long, '
          f'largest difference {difference:.1e}')


if __name__ == '__main__':
    main()
