"""OTLoss against other batched OT solvers, and its growth and memory.

    python tools/benchmarks/ot_loss.py
    python tools/benchmarks/ot_loss.py --sizes --alone 64x1000x100 \
        256x21841x1000
    python tools/benchmarks/ot_loss.py --sizes --alone --plot growth.png

All solvers get the same problems (random costs in [0, 1], normal logits) and
solve them to the same L1 marginal error, measured on their plans: each one's
own knob is turned until it does. Transport costs must agree before anything is
timed. Ours is timed forward and backward, the others forward only: none gives
the gradient of the marginals without keeping its iterations, but their
potentials would do, at no cost. The solvers are timed in turn; printed are
medians, their ratio to ours, and the peak memory of one solve in a process of
its own. geomloss takes part if it is installed (``pip install geomloss``).
"""
import argparse
import multiprocessing
import statistics
import time
from pathlib import Path

import ot
import torch

from mmjtln.models import OTLoss
from mmjtln.ot import sinkhorn

try:
    from geomloss import ot as geomloss
except ImportError:
    geomloss = None


def size(text: str) -> tuple:
    """Parse ``BxL_sxL_t``."""
    return tuple(int(part) for part in text.split('x'))


def problem(shape: tuple, args) -> tuple:
    """Return source logits, target logits and a cost matrix."""
    batch, source, target = shape
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(source, target, generator=generator)
    logits = (
        args.spread * torch.randn(batch, classes, generator=generator)
        for classes in (source, target))
    return *(one.to(args.device) for one in logits), cost.to(args.device)


def synchronize(device: str) -> None:
    """Wait for the device."""
    if device != 'cpu':
        torch.cuda.synchronize()


def seconds(function, device: str) -> float:
    """Time one call, the device's work included."""
    synchronize(device)
    start = time.perf_counter()
    function()
    synchronize(device)
    return time.perf_counter() - start


class Ours:
    """OTLoss, forward and backward of both sides."""

    name = 'OTLoss'
    knobs = (1., )

    def __init__(self, source, target, cost, args):
        self.source = source.clone().requires_grad_()
        self.target = target.clone().requires_grad_()
        self.loss = OTLoss(
            args.reg, tol=args.error, grad_to='both', cost=cost).to(cost)

    def run(self, knob):
        self.loss(self.source, self.target).backward()

    def check(self, knob):
        """Return each sample's transport cost, and the largest error."""
        result = self.solution()
        return result.transport_cost(), result.error.amax().item()

    def solution(self):
        return sinkhorn(
            self.source.detach().log_softmax(1),
            self.target.detach().log_softmax(1), self.loss.cost,
            self.loss.reg, self.loss.max_iter, self.loss.tol)


class Other:
    """A solver that makes the plans; its knobs are loosest first."""

    knob_name = 'tol'

    def __init__(self, source, target, cost, args):
        self.p, self.q = source.softmax(1), target.softmax(1)
        self.cost, self.reg = cost, args.reg
        self.costs = cost.expand(len(source), -1, -1)
        # POT's tolerance is an L2 norm, which is smaller.
        self.knobs = [args.error * 2.**-power for power in range(8)]

    def check(self, knob):
        plans = self.run(knob)
        errors = ((plans.sum(2) - self.p).abs().sum(1) +
                  (plans.sum(1) - self.q).abs().sum(1))
        return (plans * self.cost).sum((1, 2)), errors.amax().item()


class PotBatch(Other):
    """ot.batch.solve_batch, scalings as they are."""

    name = 'POT batch sinkhorn'
    method = 'sinkhorn'

    def run(self, knob):
        return ot.batch.solve_batch(
            self.costs, self.reg, self.p, self.q, max_iter=10000, tol=knob,
            method=self.method, grad='detach').plan


class PotBatchLog(PotBatch):
    """ot.batch.solve_batch in the log domain, as stable as ours."""

    name = 'POT batch log_sinkhorn'
    method = 'log_sinkhorn'


class PotLoop(Other):
    """ot.solve on one sample after the other."""

    name = 'loop of ot.solve'

    def run(self, knob):
        return torch.stack([
            ot.solve(self.cost, p, q, reg=self.reg, reg_type='entropy',
                     max_iter=10000, tol=knob, grad='detach').plan
            for p, q in zip(self.p, self.q, strict=True)
        ])


class Geomloss(Other):
    """geomloss.ot.solve_batch; its knob is the number of iterations."""

    name = 'geomloss solve_batch'
    knob_name = 'max_iter'

    def __init__(self, *args):
        super().__init__(*args)
        self.knobs = [10, 20, 40, 80, 160, 320, 640]

    def run(self, knob):
        with torch.no_grad():
            return geomloss.solve_batch(
                self.costs, reg=self.reg, a=self.p, b=self.q,
                max_iter=knob).plan


OTHERS = [PotBatch, PotBatchLog, PotLoop] + [Geomloss] * bool(geomloss)


def tune(solver, expected, args) -> tuple:
    """Return the loosest knob that meets the error, or None and why.

    Values are checked on the way: transport costs must agree.
    """
    for knob in solver.knobs:
        start = time.perf_counter()
        costs, error = solver.check(knob)
        if error <= args.error:
            torch.testing.assert_close(
                costs, expected, rtol=0, atol=10 * args.error)
            return knob, ''
        if time.perf_counter() - start > args.budget:
            break
    return None, f'error {error:.0e} at {solver.knob_name} {knob:g}'


def resident(field: str) -> float:
    """Read a memory field of this process, in MiB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f'/proc/self/status must have {field}, got none; '
                       'memory is measured on Linux only')


def peak_memory(solver_class, shape, knob, args, queue) -> None:
    """Put the MiB that one run adds to the peak of a fresh process."""
    torch.set_num_threads(args.threads)
    solver = solver_class(*problem(shape, args), args)
    if args.device == 'cpu':
        # Linux: let the peak begin at what is held now.
        Path('/proc/self/clear_refs').write_text('5')
        before = resident('VmHWM')
        solver.run(knob)
        queue.put(resident('VmHWM') - before)
    else:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        solver.run(knob)
        queue.put((torch.cuda.max_memory_allocated() - before) / 2**20)


def memory_of(solver_class, shape, knob, args) -> float:
    """Run :func:`peak_memory` in a process of its own."""
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(
        target=peak_memory, args=(solver_class, shape, knob, args, queue))
    process.start()
    mebibytes = queue.get()
    process.join()
    return mebibytes


def compare(shape: tuple, args) -> None:
    """Print the rows of one size."""
    data = problem(shape, args)
    ours = Ours(*data, args)
    expected, _ = ours.check(None)
    solvers, times = [(ours, None)], [[]]
    rows = {}
    for solver_class in OTHERS:
        solver = solver_class(*data, args)
        knob, why = tune(solver, expected, args)
        if knob is None:
            rows[solver.name] = why
        else:
            solvers.append((solver, knob))
            times.append([])
    for repeat in range(args.repeats + 1):
        for (solver, knob), spent in zip(solvers, times, strict=True):
            # The slow ones are measured less often, none less than twice.
            if repeat < 2 or sum(spent) < args.budget:
                spent.append(
                    seconds(lambda s=solver, k=knob: s.run(k), args.device))
    medians = [statistics.median(spent[1:]) for spent in times]
    name = ' x '.join(map(str, shape))
    for (solver, knob), median in zip(solvers, medians, strict=True):
        memory = memory_of(type(solver), shape, knob, args)
        print(f'| {name} | {solver.name} | {1e3 * median:.2f} '
              f'| {median / medians[0]:.1f} | {memory:.0f} |', flush=True)
    for solver_name, reason in rows.items():
        print(f'| {name} | {solver_name} | {reason} | | |', flush=True)


def products(shape: tuple, iterations: int, cost) -> float:
    """Time the matrix products alone of that many iterations."""
    batch, source, target = shape
    left = torch.rand(batch, target, device=cost.device)
    right = torch.rand(batch, source, device=cost.device)

    def run():
        for _ in range(iterations):
            torch.mm(left, cost.t(), out=right)
            torch.mm(right, cost)

    run()
    return statistics.median(
        seconds(run, cost.device.type) for _ in range(5))


def alone(shape: tuple, args) -> None:
    """Print the row of one size without competitors."""
    data = problem(shape, args)
    ours = Ours(*data, args)
    result = ours.solution()
    repeats = []
    for _ in range(args.repeats + 1):
        repeats.append(seconds(lambda: ours.run(None), args.device))
        if sum(repeats) > args.budget and len(repeats) > 2:
            break
    median = statistics.median(repeats[1:])
    batch, source, target = shape
    operations = 4 * batch * source * target * result.iterations
    floor = products(shape, result.iterations, data[2])
    # K and the reduced cost; marginal, scaling, softmax and potential.
    least = 4 * (2 * source * target + 4 * batch * (source + target)) / 2**20
    memory = memory_of(Ours, shape, None, args)
    print(f'| {" x ".join(map(str, shape))} | {1e3 * median:.2f} '
          f'| {result.iterations} | {result.error.amax().item():.0e} '
          f'| {operations / 1e9:.2f} | {1e3 * floor:.2f} '
          f'| {100 * floor / median:.0f}% | {memory:.0f} | {least:.0f} |',
          flush=True)


def plot(path: str, args) -> None:
    """Draw how the time grows with each size, with reg and iterations."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    base = dict(B=64, L_s=1000, L_t=100, reg=args.reg)
    sweeps = {
        'B': [4, 16, 64, 256, 1024],
        'L_s': [10, 100, 1000, 10000],
        'L_t': [10, 30, 100, 300, 1000],
        'reg': [1., 0.3, 0.1, 0.03, 0.017, 0.01],
        'iterations': [2, 4, 8, 16, 32, 64],
    }
    figure, axes = plt.subplots(1, len(sweeps), figsize=(16, 3.2))
    for axis, (name, values) in zip(axes, sweeps.items(), strict=True):
        spent = []
        for value in values:
            point = {**base, name: value}
            data = problem((point['B'], point['L_s'], point['L_t']), args)
            ours = Ours(*data, args)
            ours.loss.reg = point['reg']
            if name == 'iterations':
                # Never solved, so it does as many as it may.
                ours.loss.reg, ours.loss.max_iter = 0.02, value
                ours.loss.tol = 1e-5
                ours.loss._warned = True
            ours.run(None)
            spent.append(1e3 * statistics.median(
                seconds(lambda o=ours: o.run(None), args.device)
                for _ in range(args.repeats)))
        axis.loglog(values, spent, 'o-')
        if name == 'reg':
            axis.invert_xaxis()
        axis.set_xlabel(name)
        axis.grid(True, which='both', alpha=0.3)
    axes[0].set_ylabel('forward and backward, ms')
    figure.suptitle('OTLoss around (B, L_s, L_t) = (64, 1000, 100), reg '
                    f'{args.reg}, error {args.error:g}')
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f'\n{path} written')


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--sizes', nargs='*', type=size, metavar='BxL_sxL_t',
        default=[(64, 10, 10), (64, 100, 100), (64, 1000, 100),
                 (256, 1000, 200)],
        help='compared with the other solvers')
    parser.add_argument(
        '--alone', nargs='*', type=size, metavar='BxL_sxL_t',
        default=[(64, 1000, 100), (256, 1000, 200), (256, 1000, 1000),
                 (64, 21841, 1000), (256, 21841, 1000)],
        help='timed without the others')
    parser.add_argument('--plot', metavar='PNG', help='draw the growth')
    parser.add_argument('--reg', type=float, default=0.1)
    parser.add_argument('--error', type=float, default=1e-5,
                        help='largest L1 marginal error')
    parser.add_argument('--spread', type=float, default=2.,
                        help='standard deviation of the logits')
    parser.add_argument('--repeats', type=int, default=15)
    parser.add_argument('--budget', type=float, default=20.,
                        help='seconds for the repeats of one solver, and '
                        'for one try of a knob')
    parser.add_argument('--threads', type=int,
                        default=torch.get_num_threads())
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    print(f'reg {args.reg}, L1 marginal error {args.error:g}, logits of '
          f'standard deviation {args.spread:g}, {args.device}, '
          f'{args.threads} threads, torch {torch.__version__}, POT '
          f'{ot.__version__}; medians of up to {args.repeats}')
    if args.sizes:
        print('\n| B x L_s x L_t | solver | ms | times OTLoss | peak MiB |')
        print('|---|---|---|---|---|')
    for shape in args.sizes:
        compare(shape, args)
    if args.alone:
        print('\n| B x L_s x L_t | forward and backward, ms | iterations '
              '| error | GFLOP | products alone, ms | share | peak MiB '
              '| least MiB |')
        print('|---|---|---|---|---|---|---|---|---|')
    for shape in args.alone:
        alone(shape, args)
    if args.plot:
        plot(args.plot, args)


if __name__ == '__main__':
    main()
