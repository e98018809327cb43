"""What the solver's measures against slow convergence are worth.

    python tools/benchmarks/ot_small_reg.py
    python tools/benchmarks/ot_small_reg.py --cost block \
        --size 64x10x10

For each reg the same batch is solved to the same marginal error by the plain
iteration, with secant steps, and with all that the solver has: relaxed sweeps
first, then secant steps and Newton's method. Printed are iterations and
milliseconds, medians of runs in turn, and how many times less they are than
the plain iteration's. The values of those that solve must agree before
anything is timed.
"""
import argparse
import importlib
import statistics
import warnings
from contextlib import AbstractContextManager, nullcontext
from unittest.mock import patch

import torch
from ot_solvers import add_arguments, problem, setting, size
from timing import in_turn, quartiles, seconds

from mmjtln.ot import SinkhornResult

# The package's attribute of this name is the function.
solver = importlib.import_module('mmjtln.ot.sinkhorn')


VARIANTS = {
    'plain': dict(SWEEPS_RANGE=-1., REACH=0., NEWTON_CLASSES=0),
    'secant': dict(SWEEPS_RANGE=-1., NEWTON_CLASSES=0),
    'all': dict(),
}


def variant(name: str) -> AbstractContextManager:
    """Switch measures of the solver off."""
    return patch.multiple(solver, **VARIANTS[name]) if VARIANTS[
        name] else nullcontext()


def measure(shape: tuple, reg: float, args: argparse.Namespace) -> None:
    """Print the rows of one reg."""
    source, target, cost = problem(shape, args)
    log_p, log_q = source.log_softmax(1), target.log_softmax(1)

    def solve() -> SinkhornResult:
        return solver.sinkhorn(
            log_p, log_q, cost, reg, args.max_iter, args.error)

    results = {}
    for name in VARIANTS:
        with variant(name):
            results[name] = solve()
    for result in results.values():
        if not (result.converged and results['plain'].converged):
            continue
        torch.testing.assert_close(
            result.transport_cost(), results['plain'].transport_cost(),
            rtol=0, atol=10 * args.error)

    def timed(name: str) -> float:
        with variant(name):
            return seconds(solve, args.device, at_least=0.02)

    times = in_turn({name: lambda n=name: timed(n) for name in VARIANTS},
                    args.repeats)
    for name, result in results.items():
        median = 1e3 * statistics.median(times[name])
        _, ratio, _ = quartiles(times['plain'], times[name])
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
