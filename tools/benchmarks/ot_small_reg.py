"""What the solver's measures against slow convergence are worth.

    python tools/benchmarks/ot_small_reg.py

For each reg the same batch is solved to the same marginal error by the plain
iteration, with Anderson acceleration, and with acceleration and the coarser
problems first (what the solver does). Printed are iterations and
milliseconds, medians of runs in turn, and how many times less they are than
the plain iteration's. The three values must agree before anything is timed.
"""
import argparse
import importlib
import statistics
import warnings
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from ot_solvers import (
    add_arguments,
    problem,
    seconds,
    setting,
    size,
)

# The package's attribute of this name is the function.
solver = importlib.import_module('mmjtln.ot.sinkhorn')


class Plain:
    """Anderson's interface without the acceleration."""

    def __init__(self, weight: Any, image: Any, residual: Any) -> None:
        pass

    def next_point(
        self, point: Any, image1: Any, image2: Any, error: Any
    ) -> Any:
        """Go on from the last image."""
        return image2

    def keep(self, rows: Any) -> None:
        """Nothing is remembered."""


@contextmanager
def variant(accelerated: bool, coarse_to_fine: bool) -> Any:
    """Switch measures of the solver off."""
    levels = solver._levels if coarse_to_fine else (
        lambda reg, spread, max_iter: [reg])
    with patch.object(solver, 'Anderson',
                      solver.Anderson if accelerated else Plain), \
            patch.object(solver, '_levels', levels):
        yield


VARIANTS = {
    'plain': (False, False),
    'accelerated': (True, False),
    'accelerated, coarse to fine': (True, True),
}


def measure(shape: tuple, reg: float, args: argparse.Namespace) -> None:
    """Print the rows of one reg."""
    source, target, cost = problem(shape, args)
    log_p, log_q = source.log_softmax(1), target.log_softmax(1)

    def solve() -> Any:
        return solver.sinkhorn(
            log_p, log_q, cost, reg, args.max_iter, args.error)

    results, times = {}, {name: [] for name in VARIANTS}
    for name, options in VARIANTS.items():
        with variant(*options):
            results[name] = solve()
    for result in results.values():
        if not result.converged:
            continue
        torch.testing.assert_close(
            result.transport_cost(), results['plain'].transport_cost(),
            rtol=0, atol=10 * args.error)
    for repeat in range(args.repeats):
        for name in sorted(VARIANTS, reverse=bool(repeat % 2)):
            with variant(*VARIANTS[name]):
                times[name].append(seconds(solve, args.device))
    for name, result in results.items():
        median = 1e3 * statistics.median(times[name])
        ratio = statistics.median(
            p / t for p, t in zip(times['plain'], times[name], strict=True))
        steps = results['plain'].iterations / result.iterations
        failed = '' if result.converged else ' (not solved)'
        print(f'| {reg:g} | {name} | {result.iterations}{failed} '
              f'| {steps:.1f} | {median:.1f} | {ratio:.1f} |', flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', type=size, metavar='BxL_sxL_t',
                        default=(64, 1000, 100))
    parser.add_argument('--regs', nargs='+', type=float,
                        default=[0.1, 0.03, 0.01, 0.003])
    add_arguments(parser)
    parser.set_defaults(repeats=3, error=1e-4, max_iter=100000)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    print(f'B x L_s x L_t {" x ".join(map(str, args.size))}, '
          f'{setting(args)}; medians of {args.repeats}\n')
    print('| reg | iteration | iterations | times fewer | ms '
          '| times faster |')
    print('|---|---|---|---|---|---|')
    for reg in args.regs:
        measure(args.size, reg, args)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    main()
