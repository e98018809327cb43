"""What a head by names costs on a source of 21,843 classes.

    OMP_NUM_THREADS=1 python tools/benchmarks/carriers.py

Measures CPU time and added memory of ``mixing_weights('regression', ...)``
beside the plan, on random unit vectors and weights: they stand in for
encodings and a trained head.
"""
import argparse
import time

import numpy as np
import torch
from timing import peak_memory, print_table

from mmjtln.heads import mixing_weights


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in dict(source=21843, repeats=3).items():
        parser.add_argument(f'--{name}', type=int, default=value)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors = [rng.standard_normal((count, 384))
               for count in (args.source, 100)]
    source, target = (rows / np.linalg.norm(rows, axis=1, keepdims=True)
                      for rows in vectors)
    weights = torch.as_tensor(rng.standard_normal((args.source, 1280)))
    cost = torch.as_tensor(1 - source @ target.T)
    found = {}
    for name in args.repeats * ('regression', 'plan'):
        begun = time.process_time()
        mebibytes = peak_memory(lambda kind=name: mixing_weights(
            kind, cost, weights, (source, target)))
        found.setdefault(name, []).append(
            (time.process_time() - begun, mebibytes / 1024))
    medians = {name: np.median(runs, axis=0) for name, runs in found.items()}
    print_table(('carrier', 'classes', 's', 'GiB', 'ratio'), ['---'] * 5, *(
        (name, args.source, f'{seconds:.2f}', f'{memory:.2f}',
         f'{medians["regression"][0] / seconds:.2f}')
        for name, (seconds, memory) in medians.items()))


if __name__ == '__main__':
    main()
