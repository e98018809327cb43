"""OTLoss against other batched OT solvers, and its growth and memory.

    python tools/benchmarks/ot_loss.py
    python tools/benchmarks/ot_loss.py --sizes --alone 64x1000x100 \
        256x21841x1000
    python tools/benchmarks/ot_loss.py --sizes --alone --plot growth.png

All solvers get the same problems (random costs in [0, 1], normal logits) and
do the same job: softmax of both logits, the entropic value, and its gradient
for both logits. None of the others gives that gradient but by keeping all of
its iterations, so they get it as OTLoss does, from their potentials. They
solve to the same L1 marginal error, measured on their plans: each one's own
knob is turned until it does. Gradients must agree before anything is timed.
The solvers are timed in turn; printed are medians, their ratio to ours, and
the peak memory of one job in a process of its own. geomloss takes part if it
is installed (``pip install geomloss``).
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
    """Time one call, the device's work included; a short one for 20 ms."""
    synchronize(device)
    start = time.perf_counter()
    calls = 0
    while not calls or time.perf_counter() - start < 0.02:
        function()
        calls += 1
    synchronize(device)
    return (time.perf_counter() - start) / calls


class Job:
    """Loss and gradients of one batch, by one solver."""

    knobs = (None, )
    knob_name = ''

    def __init__(self, source, target, cost, args):
        self.source = source.clone().requires_grad_()
        self.target = target.clone().requires_grad_()
        self.cost, self.args = cost, args

    def gradients(self):
        """Return the gradients of the mean loss, and forget them."""
        gradients = self.source.grad, self.target.grad
        self.source.grad = self.target.grad = None
        return gradients


class Ours(Job):
    """OTLoss."""

    name = 'OTLoss'

    def __init__(self, source, target, cost, args):
        super().__init__(source, target, cost, args)
        self.loss = OTLoss(
            args.reg, tol=args.error, grad_to='both', cost=cost).to(cost)

    def run(self, knob=None):
        """Do the job."""
        self.loss(self.source, self.target).backward()
        return self.gradients()

    def solution(self):
        """Return what the solver returns."""
        return sinkhorn(
            self.source.detach().log_softmax(1),
            self.target.detach().log_softmax(1), self.loss.cost,
            self.loss.reg, self.loss.max_iter, self.loss.tol)


class Other(Job):
    """A solver that makes all plans; its knobs are loosest first."""

    knob_name = 'tol'

    def __init__(self, source, target, cost, args):
        super().__init__(source, target, cost, args)
        self.costs = cost.expand(len(source), -1, -1)
        # POT's tolerance is an L2 norm, which is smaller.
        self.knobs = [args.error * 2.**-power for power in range(8)]

    def run(self, knob):
        """Do the job."""
        p, q = self.source.softmax(1), self.target.softmax(1)
        with torch.no_grad():
            self.plans, log_u, log_v = self.solve(p, q, knob)
        value = (p * log_u).sum(1) + (q * log_v).sum(1)
        (self.args.reg * value).mean().backward()
        return self.gradients()

    def error(self):
        """Return the largest marginal error of the last plans."""
        p, q = self.source.softmax(1), self.target.softmax(1)
        error = ((self.plans.sum(2) - p).abs().sum(1) +
                 (self.plans.sum(1) - q).abs().sum(1)).amax().item()
        self.plans = None
        return error


class PotBatch(Other):
    """ot.batch.solve_batch, scalings as they are."""

    name = 'POT batch sinkhorn'

    def solve(self, p, q, knob):
        """Return plans and log scalings."""
        result = ot.batch.solve_batch(
            self.costs, self.args.reg, p, q, max_iter=10000, tol=knob,
            method='sinkhorn', grad='detach')
        return result.plan, *(u.log() for u in result.potentials)


class PotBatchLog(Other):
    """ot.batch.solve_batch in the log domain, as stable as ours."""

    name = 'POT batch log_sinkhorn'

    def solve(self, p, q, knob):
        """Return plans and log scalings."""
        result = ot.batch.solve_batch(
            self.costs, self.args.reg, p, q, max_iter=10000, tol=knob,
            method='log_sinkhorn', grad='detach')
        return result.plan, *result.potentials


class PotLoop(Other):
    """ot.solve on one sample after the other."""

    name = 'loop of ot.solve'

    def solve(self, p, q, knob):
        """Return plans and log scalings."""
        results = [
            ot.solve(self.cost, p_, q_, reg=self.args.reg,
                     reg_type='entropy', max_iter=10000, tol=knob,
                     grad='detach') for p_, q_ in zip(p, q, strict=True)
        ]
        return (torch.stack([result.plan for result in results]),
                torch.stack([result.potentials[0] for result in results]),
                torch.stack([result.potentials[1] for result in results]))


class Geomloss(Other):
    """geomloss.ot.solve_batch; its knob is the number of iterations."""

    name = 'geomloss solve_batch'
    knob_name = 'max_iter'

    def __init__(self, *args):
        super().__init__(*args)
        self.knobs = [10, 20, 40, 80, 160, 320, 640]

    def solve(self, p, q, knob):
        """Return plans and log scalings."""
        result = geomloss.solve_batch(
            self.costs, reg=self.args.reg, a=p, b=q, max_iter=knob)
        # Its entropy is relative to the product of the marginals.
        return (result.plan, result.potential_a / self.args.reg + p.log(),
                result.potential_b / self.args.reg + q.log())


OTHERS = [PotBatch, PotBatchLog, PotLoop] + [Geomloss] * bool(geomloss)


def tune(solver, expected, args) -> tuple:
    """Return the loosest knob that meets the error, or None and why.

    Values are checked on the way: gradients must agree.
    """
    for knob in solver.knobs:
        start = time.perf_counter()
        gradients = solver.run(knob)
        error = solver.error()
        if error <= args.error:
            for ours, theirs in zip(expected, gradients, strict=True):
                torch.testing.assert_close(
                    theirs, ours, rtol=0, atol=args.error)
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


def peak_memory(job_class, shape, knob, args, queue) -> None:
    """Put the MiB that one job adds to the peak of a fresh process."""
    torch.set_num_threads(args.threads)
    job = job_class(*problem(shape, args), args)
    if args.device == 'cpu':
        # Linux: let the peak begin at what is held now.
        Path('/proc/self/clear_refs').write_text('5')
        before = resident('VmHWM')
        job.run(knob)
        queue.put(resident('VmHWM') - before)
    else:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        job.run(knob)
        queue.put((torch.cuda.max_memory_allocated() - before) / 2**20)


def memory_of(job_class, shape, knob, args) -> float:
    """Run :func:`peak_memory` in a process of its own."""
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(
        target=peak_memory, args=(job_class, shape, knob, args, queue))
    process.start()
    mebibytes = queue.get()
    process.join()
    return mebibytes


def compare(shape: tuple, args) -> None:
    """Print the rows of one size."""
    data = problem(shape, args)
    ours = Ours(*data, args)
    expected = ours.run()
    jobs, failed = [(ours, None)], {}
    for solver_class in OTHERS:
        solver = solver_class(*data, args)
        knob, why = tune(solver, expected, args)
        if knob is None:
            failed[solver.name] = why
        else:
            jobs.append((solver, knob))
    times = [[] for _ in jobs]
    for repeat in range(args.repeats):
        # In turn, and in turns of turn: drift of the machine hits all.
        for index in sorted(range(len(jobs)), reverse=bool(repeat % 2)):
            job, knob = jobs[index]
            # The slow ones are measured less often.
            if sum(times[index]) < args.budget:
                times[index].append(
                    seconds(lambda j=job, k=knob: j.run(k), args.device))
    medians = [statistics.median(spent) for spent in times]
    name = ' x '.join(map(str, shape))
    for (job, knob), median in zip(jobs, medians, strict=True):
        memory = memory_of(type(job), shape, knob, args)
        print(f'| {name} | {job.name} | {1e3 * median:.2f} '
              f'| {median / medians[0]:.1f} | {memory:.0f} |', flush=True)
    for other, why in failed.items():
        print(f'| {name} | {other} | {why} | | |', flush=True)


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
    times = []
    while len(times) < args.repeats and sum(times) < args.budget:
        times.append(seconds(ours.run, args.device))
    median = statistics.median(times)
    batch, source, target = shape
    operations = 4 * batch * source * target * result.iterations
    floor = products(shape, result.iterations, data[2])
    # K; marginal, scalings and gradients of both sides.
    least = 4 * (source * target + 3 * batch * (source + target)) / 2**20
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
                # Hard enough to do as many as it may.
                ours.loss.reg, ours.loss.max_iter = 0.02, value
                ours.loss._warned = True
            ours.run()
            spent.append(1e3 * statistics.median(
                seconds(ours.run, args.device) for _ in range(args.repeats)))
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
