"""What a head by names costs on a source of 21,843 classes.

    OMP_NUM_THREADS=1 python tools/benchmarks/carriers.py

Times ``mixing_weights('regression', ...)`` beside the plan, and beside the
exact kernel ridge regression of the same grid on a part of the classes, since
that takes time with the cube of their number. Each runs in a process of its
own, whose CPU time and peak memory, less that of the inputs, are told.
Vectors and weights are random: they stand in for encodings and a trained head.
"""
import argparse
import multiprocessing
import resource
import time

import numpy as np
import torch

from mmjtln.heads import mixing_weights
from mmjtln.heads.carriers import _PROJECTED, _STRENGTHS, _WIDTHS, _kernel


def unit(count: int, size: int, seed: int) -> np.ndarray:
    """Draw unit vectors."""
    rows = np.random.default_rng(seed).standard_normal((count, size))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def exact(source: np.ndarray, weights: np.ndarray) -> float:
    """Choose by leave-one-out with the whole kernel; return the best error."""
    wanted = (weights - weights.mean(0)) @ np.random.default_rng(
        0).standard_normal((weights.shape[1], _PROJECTED))
    errors = []
    for width in _WIDTHS:
        size, basis = np.linalg.eigh(_kernel(source, source, width))
        moments = basis.T @ wanted
        for strength in _STRENGTHS:
            shrunk = 1 / (size + strength)
            left = (basis * shrunk) @ moments / (basis**2 @ shrunk)[:, None]
            errors.append(float((left**2).sum()))
    return min(errors)


def contestant(name: str, args: argparse.Namespace) -> tuple[float, float]:
    """Return seconds and GiB of one of them."""
    count = args.part if name == 'exact' else args.source
    source, target = unit(count, args.size, 0), unit(args.target, args.size, 1)
    weights = np.random.default_rng(2).standard_normal((count, args.features))
    cost = torch.as_tensor(1 - source @ target.T)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    exact(source, weights) if name == 'exact' else mixing_weights(
        name, cost, torch.as_tensor(weights), (source, target))
    return time.process_time() - begun, (resource.getrusage(
        resource.RUSAGE_SELF).ru_maxrss - before) / 2**20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in dict(source=21843, target=100, size=384, features=1280,
                            part=2000, repeats=3).items():
        parser.add_argument(f'--{name}', type=int, default=value)
    args = parser.parse_args()
    found = {}
    for name in args.repeats * ('regression', 'plan', 'exact'):
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            found.setdefault(name, []).append(
                pool.apply(contestant, (name, args)))
    medians = {name: np.median(runs, axis=0) for name, runs in found.items()}
    print('| carrier | classes | s | GiB | ratio |\n' + '|---' * 5 + '|')
    for name, (seconds, memory) in medians.items():
        print(f'| {name} | {args.part if name == "exact" else args.source} '
              f'| {seconds:.2f} | {memory:.2f} '
              f'| {medians["regression"][0] / seconds:.2f} |')


if __name__ == '__main__':
    main()
