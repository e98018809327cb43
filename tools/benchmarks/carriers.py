"""What a head by names costs on a source of 21,843 classes.

    OMP_NUM_THREADS=1 python tools/benchmarks/carriers.py

Measures CPU time and added memory of ``mixing_weights('regression', ...)``
beside the plan, on random unit vectors and weights in place of trained ones.
"""
import argparse
import time

import numpy as np
import torch
from timing import peak_memory, print_table

from mmjtln.heads import mixing_weights

CLASSES, REPEATS = 21843, 3


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rng = np.random.default_rng(0)
    vectors = [rng.standard_normal((count, 384)) for count in (CLASSES, 100)]
    source, target = (rows / np.linalg.norm(rows, axis=1, keepdims=True)
                      for rows in vectors)
    weights = torch.as_tensor(rng.standard_normal((CLASSES, 1280)))
    cost = torch.as_tensor(1 - source @ target.T)
    found = {}
    for name in REPEATS * ('regression', 'plan'):
        begun = time.process_time()
        mebibytes = peak_memory(lambda kind=name: mixing_weights(
            kind, cost, weights, (source, target)))
        found.setdefault(name, []).append(
            (time.process_time() - begun, mebibytes / 1024))
    medians = {name: np.median(runs, axis=0) for name, runs in found.items()}
    print_table(('carrier', 'classes', 's', 'GiB', 'ratio'), ['---'] * 5, *(
        (name, CLASSES, f'{seconds:.2f}', f'{memory:.2f}',
         f'{medians["regression"][0] / seconds:.2f}')
        for name, (seconds, memory) in medians.items()))


if __name__ == '__main__':
    main()
