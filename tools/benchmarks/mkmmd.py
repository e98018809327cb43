"""MK-MMD of all pairs of classes, beside a double loop over the pairs.

    python tools/benchmarks/mkmmd.py
    python tools/benchmarks/mkmmd.py --classes 1000 100 --dimensions 4096 \
        --no-loop

Both get the same random features and bandwidths. The loop is the definition:
for each pair of classes the three kernel matrices, by torch.cdist and one
exponential a kernel. Printed are medians of runs in turn, their ratio and the
largest difference of the values.
"""
import argparse
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import torch
from timing import in_turn, seconds
from torch import Tensor

from mmjtln.costs import ClassFeatures
from mmjtln.costs.mkmmd import median_bandwidth, mkmmd


def double_loop(source: ClassFeatures, target: ClassFeatures,
                bandwidths: Sequence[float]) -> Tensor:
    """MK-MMD by its definition, one pair of classes at a time."""

    def kernel_mean(x: Tensor, y: Tensor) -> Tensor:
        squared = torch.cdist(x, y).square()
        return sum(torch.exp(-squared / b).mean()
                   for b in bandwidths) / len(bandwidths)

    matrix = torch.empty(source.num_classes, target.num_classes)
    for i in range(source.num_classes):
        for j in range(target.num_classes):
            x, y = source.of_class(i), target.of_class(j)
            matrix[i, j] = kernel_mean(x, x) + kernel_mean(
                y, y) - 2 * kernel_mean(x, y)
    return matrix


def features(classes: int, images: int, dimensions: int,
             generator: torch.Generator) -> ClassFeatures:
    """Random features around random class means."""
    labels = torch.arange(classes).repeat_interleave(images)
    means = torch.randn(classes, dimensions, generator=generator)
    noise = torch.randn(len(labels), dimensions, generator=generator)
    return ClassFeatures(means[labels] + noise, labels, classes)


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--classes', type=int, nargs=2, default=(100, 37))
    parser.add_argument('--images', type=int, default=20, help='of each class')
    parser.add_argument('--dimensions', type=int, default=512)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--no-loop', action='store_true')
    args = parser.parse_args()

    generator = torch.Generator().manual_seed(0)
    source, target = (
        features(count, args.images, args.dimensions, generator)
        for count in args.classes)
    middle = median_bandwidth(torch.cat([source.features, target.features]))
    bandwidths = [middle * 2.0**m for m in range(-2, 3)]
    contestants, found = [mkmmd, double_loop][:2 - args.no_loop], {}

    def timed(function: Callable) -> float:
        return seconds(lambda: found.update({
            function: function(source, target, bandwidths)}))

    times = {function: statistics.median(taken) for function, taken in in_turn(
        {function: partial(timed, function) for function in contestants},
        args.repeats).items()}
    print(f'{args.classes[0]} x {args.classes[1]} classes, {args.images} '
          f'images each, {args.dimensions} features, '
          f'{torch.get_num_threads()} threads\nmkmmd {times[mkmmd]:.3f} s')
    if not args.no_loop:
        difference = (found[mkmmd] - found[double_loop]).abs().max()
        print(f'double loop {times[double_loop]:.3f} s, '
              f'{times[double_loop] / times[mkmmd]:.0f} times as long, '
              f'largest difference {difference:.1e}')


if __name__ == '__main__':
    main()
