"""OTLoss against other OT solvers, and alone against its floor.

    python tools/benchmarks/transport/ot_loss.py
    python tools/benchmarks/transport/ot_loss.py --cost block
    python tools/benchmarks/transport/ot_loss.py --sizes --alone 256x21841x1000

All solvers get the same problems (normal logits), do
the same job (`ot_solvers.py`), and solve to the same L1 marginal error,
measured on their plans: each one's own knob is turned until it does.
Gradients must agree before anything is timed. The solvers are timed in turn;
printed are medians, and median and quartiles of the ratio to OTLoss in the
same turn. A solver that spends --budget seconds in one run is not run again:
that run is its reading, and the table says so. Peak memory is that of one
job in a process of its own. geomloss takes part if it is installed.

The floor counts what the solver's matrix products cannot do without: their
operations at the rate of such products alone, or the bytes they read and
write at the rate of a copy, whichever takes longer; both rates are measured
in the same run.
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
from ot_solvers import (
    OTHERS,
    Job,
    Ours,
    add_arguments,
    problem,
    seconds,
    setting,
    size,
)
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode


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
    jobs, times, notes = [(ours, None)], [[]], ['']
    for solver_class in OTHERS:
        solver = solver_class(*data, args)
        knob, spent, error = tune(solver, expected, args)
        jobs.append((solver, solver.knobs[-1] if knob is None else knob))
        times.append([spent] if spent > args.budget else [])
        notes.append('' if knob is not None else
                     f', error {error:.0e} only')
    for repeat in range(args.repeats):
        # In turn, and in turns of turn: drift of the machine hits all.
        for index in sorted(range(len(jobs)), reverse=bool(repeat % 2)):
            job, knob = jobs[index]
            # The slow ones are measured less often.
            if sum(times[index]) < args.budget:
                times[index].append(
                    seconds(lambda j=job, k=knob: j.run(k), args.device))
    name = ' x '.join(map(str, shape))
    for (job, knob), spent, note in zip(jobs, times, notes, strict=True):
        if len(spent) > 1:
            ratios = [
                theirs / own
                for theirs, own in zip(spent, times[0], strict=False)
            ]
            low, _, high = statistics.quantiles(ratios, n=4)
            quartiles = f'{low:.1f} to {high:.1f}'
        else:
            ratios = [spent[0] / statistics.median(times[0])]
            quartiles = 'one run'
        memory = memory_of(type(job), shape, knob, args)
        print(f'| {name} | {job.name}{note} '
              f'| {1e3 * statistics.median(spent):.2f} '
              f'| {statistics.median(ratios):.1f} | {quartiles} '
              f'| {len(spent)} | {memory:.0f} |', flush=True)


def product_rate(shape: tuple, cost: Tensor) -> float:
    """Operations a second of the solver's two products alone."""
    batch, source, target = shape
    left = torch.rand(batch, target, device=cost.device)
    right = torch.rand(batch, source, device=cost.device)

    def run() -> None:
        torch.mm(left, cost.t(), out=right)
        torch.mm(right, cost, out=left)
        left.fill_(0.5)

    run()
    return 4 * batch * source * target / statistics.median(
        seconds(run, cost.device.type) for _ in range(15))


def copy_rate(device: str) -> float:
    """Bytes a second that a large copy reads and writes."""
    there = torch.zeros(2**26, device=device)
    back = torch.zeros_like(there)
    return 2 * there.nbytes / statistics.median(
        seconds(lambda: back.copy_(there), device) for _ in range(7))


def alone(shape: tuple, args: argparse.Namespace, bandwidth: float) -> None:
    """Print the row of one size without competitors."""
    data = problem(shape, args)
    ours = Ours(*data, args)
    result = ours.solution()
    with FlopCounterMode(display=False) as counter:
        # Counted, not calculated: Newton's steps have others.
        ours.run()
    operations = counter.get_total_flops()
    times, rates = [], []
    while len(times) < args.repeats and sum(times) < args.budget:
        times.append(seconds(ours.run, args.device))
        if len(rates) < 3:
            rates.append(product_rate(shape, data[2]))
    median, rate = statistics.median(times), statistics.median(rates)
    batch, source, target = shape
    # Each product reads the kernel and one scaling and writes the other.
    moved = 8 * (source * target + batch * (source + target)) * (
        result.iterations)
    floor = max(operations / rate, moved / bandwidth)
    # The kernel; marginal, scaling and gradient of both sides.
    least = 4 * (source * target + 3 * batch * (source + target)) / 2**20
    memory = memory_of(Ours, shape, None, args)
    print(f'| {" x ".join(map(str, shape))} | {1e3 * median:.2f} '
          f'| {result.iterations} | {result.error.amax().item():.0e} '
          f'| {operations / 1e9:.2f} at {rate / 1e9:.0f} '
          f'| {moved / 1e9:.3f} at {bandwidth / 1e9:.0f} '
          f'| {1e3 * floor:.2f} | {median / floor:.1f} '
          f'| {memory:.0f} | {least:.0f} |', flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--sizes', nargs='*', type=size, metavar='BxL_sxL_t',
        default=[(16, 10, 10), (64, 10, 10), (64, 100, 20),
                 (64, 1000, 100), (256, 1000, 200)],
        help='compared with the other solvers')
    parser.add_argument(
        '--alone', nargs='*', type=size, metavar='BxL_sxL_t',
        default=[(64, 10, 10), (64, 100, 20), (64, 1000, 100),
                 (256, 1000, 200), (256, 1000, 1000), (64, 21841, 1000),
                 (256, 21841, 1000)],
        help='compared with the floor')
    parser.add_argument('--budget', type=float, default=20.,
                        help='seconds for the repeats of one solver')
    add_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    print(f'{setting(args)}; medians of up to {args.repeats}')
    if args.sizes:
        print('\n| B x L_s x L_t | solver | ms | times OTLoss | quartiles '
              '| runs | peak MiB |')
        print('|---|---|---|---|---|---|---|')
    for shape in args.sizes:
        compare(shape, args)
    if args.alone:
        print('\n| B x L_s x L_t | forward and backward, ms | iterations '
              '| error | products: GFLOP at GFLOP/s | GB at GB/s '
              '| floor, ms | times floor | peak MiB | least MiB |')
        print('|---|---|---|---|---|---|---|---|---|---|')
        bandwidth = copy_rate(args.device)
    for shape in args.alone:
        alone(shape, args, bandwidth)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    main()
