"""What a head by names costs on a source of 21,843 classes.

    OMP_NUM_THREADS=1 python tools/benchmarks/carriers.py

Times ``mixing_weights('regression', ...)`` beside the plan, and beside the
exact kernel ridge regression of the same grid on a part of the classes, since
that takes time with the cube of their number. Each runs in a process of its
own, whose CPU time and peak memory, less that of the inputs, are told.
Vectors and weights are random: they stand in for encodings and a trained head.
"""
import argparse
import time

import numpy as np
import torch
from timing import alone, peak_memory, print_table

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


def contestant(name: str, count: int) -> tuple[float, float]:
    """Return seconds and GiB of one of them, on ``count`` source classes."""
    source, target = unit(count, 384, 0), unit(100, 384, 1)
    weights = np.random.default_rng(2).standard_normal((count, 1280))
    cost = torch.as_tensor(1 - source @ target.T)
    begun = time.process_time()
    mebibytes = peak_memory(
        lambda: exact(source, weights) if name == 'exact' else mixing_weights(
            name, cost, torch.as_tensor(weights), (source, target)))
    return time.process_time() - begun, mebibytes / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in dict(source=21843, part=2000, repeats=3).items():
        parser.add_argument(f'--{name}', type=int, default=value)
    args = parser.parse_args()
    classes = dict(regression=args.source, plan=args.source, exact=args.part)
    medians = {name: np.median([
        alone(contestant, name, count) for _ in range(args.repeats)], axis=0)
        for name, count in classes.items()}
    print_table(('carrier', 'classes', 's', 'GiB', 'ratio'), ['---'] * 5, *(
        (name, classes[name], f'{seconds:.2f}', f'{memory:.2f}',
         f'{medians["regression"][0] / seconds:.2f}')
        for name, (seconds, memory) in medians.items()))


if __name__ == '__main__':
    main()
