"""OTLoss beside other solvers that do the same job.

    python tools/benchmarks/ot_loss.py
    python tools/benchmarks/ot_loss.py --cost block

All solvers get the same problems (normal logits), do the same job
(`ot_solvers.py`), and solve to the same L1 marginal error, measured on their
plans: each one's tolerance is turned until it does. Gradients must agree
before anything is timed. The solvers are timed in turn; printed are medians,
and median and quartiles of the ratio to OTLoss in the same turn. A solver
that spends --budget seconds in one run is not run again: that run is its
reading. Peak memory is that of one job in a process of its own.
"""
import argparse
import copy
import multiprocessing
import statistics
import time
import warnings
from multiprocessing.queues import Queue
from pathlib import Path

import torch
from ot_solvers import OTHERS, Job, Ours, add_arguments, problem, setting, size
from timing import in_turn, quartiles, seconds
from torch import Tensor


def tune(solver: Job, expected: tuple[Tensor, Tensor],
         args: argparse.Namespace) -> tuple[float | None, float, float]:
    """Turn the knob, loosest first, until the error is met.

    Returns the knob, or None; the seconds of its run; the error reached.
    Gradients are checked on the way: they must agree.
    """
    for knob in solver.knobs:
        start = time.perf_counter()
        gradients = solver.run(knob)
        spent = time.perf_counter() - start
        error = solver.error()
        if error <= args.error:
            for ours, theirs in zip(expected, gradients, strict=True):
                torch.testing.assert_close(
                    theirs, ours, rtol=0, atol=args.error)
            return knob, spent, error
        if spent > 3 * args.budget:
            break
    return None, spent, error


def resident(field: str) -> float:
    """Read a memory field of this process, in MiB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f'/proc/self/status must have {field}, got none; '
                       'memory is measured on Linux only')


def peak_memory(job_class: type[Job], shape: tuple, knob: float | None,
                args: argparse.Namespace) -> float:
    """Return the MiB that one job adds to the peak of the process."""
    if job_class is not Ours:
        # The others' first iterations hold all they ever hold.
        args = copy.copy(args)
        args.max_iter = 2
    job = job_class(*problem(shape, args), args)
    if args.device == 'cpu':
        # Linux: let the peak begin at what is held now.
        Path('/proc/self/clear_refs').write_text('5')
        before = resident('VmHWM')
        job.run(knob)
        return resident('VmHWM') - before
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    job.run(knob)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def put_peak_memory(queue: Queue, job_class: type[Job], shape: tuple,
                    knob: float | None, args: argparse.Namespace) -> None:
    """Put :func:`peak_memory` of a job into a queue."""
    warnings.simplefilter('ignore')
    torch.set_num_threads(args.threads)
    queue.put(peak_memory(job_class, shape, knob, args))


def memory_of(job_class: type[Job], shape: tuple, knob: float | None,
              args: argparse.Namespace) -> float:
    """Run :func:`peak_memory`, on a CPU in a process of its own.

    A process keeps what its CPU tensors leave, and gives it to later ones.
    """
    if args.device != 'cpu':
        return peak_memory(job_class, shape, knob, args)
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(
        target=put_peak_memory, args=(queue, job_class, shape, knob, args))
    process.start()
    mebibytes = queue.get()
    process.join()
    return mebibytes


def compare(shape: tuple, args: argparse.Namespace) -> None:
    """Print the rows of one size."""
    data = problem(shape, args)
    ours = Ours(*data, args)
    expected = ours.run()
    jobs, known, notes = {'OTLoss': (ours, None)}, {}, {}
    for solver_class in OTHERS:
        solver = solver_class(*data, args)
        knob, spent, error = tune(solver, expected, args)
        jobs[solver.name] = solver, solver.knobs[-1] if knob is None else knob
        if spent > args.budget:
            known[solver.name] = [spent]
        if knob is None:
            notes[solver.name] = f', error {error:.0e} only'
    times = in_turn({
        name: lambda j=job, k=knob: seconds(
            lambda: j.run(k), args.device, at_least=0.02)
        for name, (job, knob) in jobs.items() if name not in known},
        args.repeats, args.budget)
    for name, (job, knob) in jobs.items():
        spent = known.get(name) or times[name]
        low, middle, high = quartiles(spent, times['OTLoss'])
        memory = memory_of(type(job), shape, knob, args)
        print(f'| {" x ".join(map(str, shape))} | {name}'
              f'{notes.get(name, "")} | {1e3 * statistics.median(spent):.2f} '
              f'| {middle:.1f} | {low:.1f} to {high:.1f} '
              f'| {len(spent)} | {memory:.0f} |', flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--sizes', nargs='+', type=size, metavar='BxL_sxL_t',
        default=[(16, 10, 10), (64, 10, 10), (64, 100, 20),
                 (64, 1000, 100), (256, 1000, 200)])
    parser.add_argument('--budget', type=float, default=20.,
                        help='seconds for the repeats of one solver')
    add_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    print(f'{setting(args)}; medians of up to {args.repeats}')
    print('\n| B x L_s x L_t | solver | ms | times OTLoss | quartiles '
          '| runs | peak MiB |')
    print('|---|---|---|---|---|---|---|')
    for shape in args.sizes:
        compare(shape, args)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    main()
