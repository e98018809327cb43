"""MK-MMD of all pairs of classes, against a double loop over the pairs.

    python tools/benchmarks/mkmmd.py
    python tools/benchmarks/mkmmd.py --classes 1000 100 --dimensions 4096 \
        --no-loop

Both get the same random features and bandwidths in the same run. The loop is
the definition: for each pair of classes the three kernel matrices, by
torch.cdist and one exponential per kernel. Printed are the best time of
several runs, the largest difference of the values, and the peak memory of the
process. ``--double`` lets the loop run in float64, for the difference alone.
"""
import argparse
import resource
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mmjtln.costs import ClassFeatures
from mmjtln.costs.mkmmd import median_bandwidth, mkmmd


def double_loop(source: ClassFeatures, target: ClassFeatures,
                bandwidths: Sequence[float], dtype: torch.dtype) -> Tensor:
    """MK-MMD by its definition, one pair of classes at a time."""

    def kernel_mean(x: Tensor, y: Tensor) -> Tensor:
        squared = torch.cdist(x, y).square()
        return sum(torch.exp(-squared / b).mean()
                   for b in bandwidths) / len(bandwidths)

    matrix = torch.empty(
        source.num_classes, target.num_classes, dtype=torch.float64)
    for i in range(source.num_classes):
        for j in range(target.num_classes):
            x = source.of_class(i).to(dtype)
            y = target.of_class(j).to(dtype)
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


def timed(function: Callable[[], Tensor],
          repeats: int) -> tuple[Tensor, float]:
    """Return the result and the best time in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return result, min(times)


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--classes', type=int, nargs=2, default=(100, 37))
    parser.add_argument('--images', type=int, default=20, help='of each class')
    parser.add_argument('--dimensions', type=int, default=512)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--double', action='store_true')
    parser.add_argument('--no-loop', action='store_true')
    args = parser.parse_args()

    generator = torch.Generator().manual_seed(0)
    source, target = (
        features(count, args.images, args.dimensions, generator)
        for count in args.classes)
    middle = median_bandwidth(torch.cat([source.features, target.features]))
    bandwidths = [middle * 2.0**m for m in range(-2, 3)]

    found, ours = timed(lambda: mkmmd(source, target, bandwidths),
                        args.repeats)
    print(f'{args.classes[0]} x {args.classes[1]} classes, {args.images} '
          f'images each, {args.dimensions} features, '
          f'{torch.get_num_threads()} threads')
    print(f'mkmmd        {ours:9.3f} s')
    if not args.no_loop:
        dtype = torch.float64 if args.double else torch.float32
        expected, loop = timed(
            lambda: double_loop(source, target, bandwidths, dtype),
            1 if loop_is_long(args) else args.repeats)
        print(f'double loop  {loop:9.3f} s, {loop / ours:.0f} times as long')
        print(f'largest difference {(found - expected).abs().max():.1e}')
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f'peak memory {peak:.2f} GiB')


def loop_is_long(args: argparse.Namespace) -> bool:
    """Whether one run of the double loop is enough."""
    return args.classes[0] * args.classes[1] > 1000


if __name__ == '__main__':
    main()
