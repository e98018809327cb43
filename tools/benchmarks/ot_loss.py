"""OTLoss beside other solvers that do the same job.

    python tools/benchmarks/ot_loss.py
    python tools/benchmarks/ot_loss.py --cost zero-one

The job: softmax of both logits, the entropic value of each sample, and the
gradients of their mean for both logits, which the others get as OTLoss does,
from their potentials. All get the same problems (normal logits), and solve to
the same L1 marginal error, measured on their plans: each one's tolerance is
turned until it does. Gradients must agree before anything is timed. Solvers
are timed in turn; printed are medians, and median and quartiles of the ratio
to OTLoss in the same turn. Peak memory is a job's, on a CPU in a new process.
"""
import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial

import ot
import torch
from timing import (
    add_device,
    alone,
    in_turn,
    peak_memory,
    print_table,
    quartiles,
    seconds,
)
from torch import Tensor

from mmjtln.models import OTLoss

REG, ERROR, ITERATIONS = 0.1, 1e-5, 10000
#: Tolerances, loosest first: POT's are an L2 norm, which is smaller.
KNOBS = [ERROR * 2.**-power for power in range(8)]


def batched(method: str, p: Tensor, q: Tensor, cost: Tensor, knob: float,
            iterations: int) -> tuple[Tensor, Tensor, Tensor]:
    """ot.batch.solve_batch: plans and log scalings."""
    found = ot.batch.solve_batch(
        cost.expand(len(p), -1, -1), REG, p, q, max_iter=iterations, tol=knob,
        method=method, grad='detach')
    return found.plan, *(potential.log() if method == 'sinkhorn' else potential
                         for potential in found.potentials)


def looped(p: Tensor, q: Tensor, cost: Tensor, knob: float, iterations: int
           ) -> tuple[Tensor, Tensor, Tensor]:
    """ot.solve on one sample after the other."""
    found = [ot.solve(cost, *marginals, reg=REG, reg_type='entropy',
                      max_iter=iterations, tol=knob, grad='detach')
             for marginals in zip(p, q, strict=True)]
    return tuple(map(torch.stack, zip(*(
        (one.plan, *one.potentials) for one in found), strict=True)))


OTHERS = {
    'POT batch sinkhorn': partial(batched, 'sinkhorn'),
    # As stable as ours.
    'POT batch log_sinkhorn': partial(batched, 'log_sinkhorn'),
    'loop of ot.solve': looped}


def job(name: str, shape: tuple[int, int, int], cost_kind: str, device: str,
        knob: float | None = None, iterations: int = ITERATIONS) -> Callable:
    """Return what does a job; it returns gradients, plans and marginals."""
    batch, *classes = shape
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(*classes, generator=generator)
    if cost_kind == 'zero-one':
        cost = cost.round()
    cost = cost.to(device)
    logits = [(2 * torch.randn(batch, count, generator=generator)).to(
        device).requires_grad_() for count in classes]
    loss = OTLoss(REG, iterations, ERROR, grad_to='both', cost=cost).to(cost)

    def ours() -> tuple[list[Tensor]]:
        return torch.autograd.grad(loss(*logits), logits),

    def other() -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        p, q = (one.softmax(1) for one in logits)
        # POT makes its first scalings on the default device.
        with torch.no_grad(), torch.device(device):
            plans, log_u, log_v = OTHERS[name](p, q, cost, knob, iterations)
        value = (p * log_u).sum(1) + (q * log_v).sum(1)
        return torch.autograd.grad(
            REG * value.mean(), logits), plans, p, q

    return other if name in OTHERS else ours


def tune(name: str, problem: tuple, expected: list[Tensor], budget: float
         ) -> tuple[float, float]:
    """Turn the knob, loosest first, until the error is met, in that time.

    Returns the last knob, and the error reached. Where it is met, gradients
    must agree.
    """
    for knob in KNOBS:
        run = job(name, *problem, knob)
        start = time.perf_counter()
        gradients, plans, p, q = run()
        spent = time.perf_counter() - start
        error = ((plans.sum(2) - p).abs().sum(1)
                 + (plans.sum(1) - q).abs().sum(1)).amax().item()
        if error <= ERROR:
            for ours, theirs in zip(expected, gradients, strict=True):
                torch.testing.assert_close(theirs, ours, rtol=0, atol=ERROR)
        if error <= ERROR or spent > 3 * budget:
            break
    return knob, error


def memory(name: str, problem: tuple, knob: float | None) -> float:
    """Return the MiB that one job adds to the peak of its process."""
    warnings.simplefilter('ignore')
    # The others' first iterations hold all they ever hold.
    run = job(name, *problem, knob, 2 if name in OTHERS else ITERATIONS)
    if problem[-1] == 'cpu':
        return peak_memory(run)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def compare(shape: tuple[int, int, int], args: argparse.Namespace) -> None:
    """Print the rows of one size."""
    problem = shape, args.cost, args.device
    expected, = job('OTLoss', *problem)()
    tuned = {'OTLoss': (None, 0.), **{
        name: tune(name, problem, expected, args.budget) for name in OTHERS}}
    times = in_turn({
        name: partial(seconds, job(name, *problem, knob), args.device, 0.02)
        for name, (knob, _) in tuned.items()}, args.repeats, args.budget)
    measured = alone if args.device == 'cpu' else lambda call, *a: call(*a)
    for name, (knob, error) in tuned.items():
        low, middle, high = quartiles(times[name], times['OTLoss'])
        print_table((
            ' x '.join(map(str, shape)),
            name + f', error {error:.0e} only' * (error > ERROR),
            f'{1e3 * statistics.median(times[name]):.2f}', f'{middle:.1f}',
            f'{low:.1f} to {high:.1f}', len(times[name]),
            f'{measured(memory, name, problem, knob):.0f}'))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--sizes', nargs='+', metavar='BxL_sxL_t', default=[
            '16x10x10', '64x10x10', '64x100x20', '64x1000x100',
            '256x1000x200'])
    parser.add_argument('--cost', choices=('random', 'zero-one'),
                        default='random',
                        help='uniform in [0, 1], or 0 and 1 at random')
    parser.add_argument('--repeats', type=int, default=15)
    parser.add_argument('--budget', type=float, default=20.,
                        help='seconds for the repeats of one solver')
    add_device(parser)
    args = parser.parse_args()
    print(f'{args.cost} costs, reg {REG}, L1 marginal error {ERROR:g}, logits '
          f'of standard deviation 2, {args.device}, {torch.get_num_threads()} '
          f'threads, torch {torch.__version__}, POT {ot.__version__}; medians '
          f'of up to {args.repeats}\n')
    print_table(('B x L_s x L_t', 'solver', 'ms', 'times OTLoss', 'quartiles',
                 'runs', 'peak MiB'), ['---'] * 7)
    for text in args.sizes:
        compare(tuple(map(int, text.split('x'))), args)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    main()
