"""The solvers that the OT benchmarks compare, each doing the same job.

The job: softmax of both logits, the entropic value of each sample, and the
gradients of their mean for both logits. None of the others gives that
gradient but by keeping all of its iterations, so they get it as OTLoss does,
from their potentials.
"""
import argparse

import ot
import torch
from timing import add_device
from torch import Tensor

from mmjtln.models import OTLoss


def size(text: str) -> tuple:
    """Parse ``BxL_sxL_t``."""
    return tuple(int(part) for part in text.split('x'))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every OT benchmark takes."""
    parser.add_argument('--reg', type=float, default=0.1)
    parser.add_argument('--error', type=float, default=1e-5,
                        help='largest L1 marginal error')
    parser.add_argument('--spread', type=float, default=2.,
                        help='standard deviation of the logits')
    parser.add_argument('--cost', choices=('random', 'block', 'zero-one'),
                        default='random',
                        help='uniform in [0, 1]; two groups of classes, 0 '
                        'inside and 1 across; or 0 and 1 at random')
    parser.add_argument('--repeats', type=int, default=15)
    parser.add_argument('--threads', type=int,
                        default=torch.get_num_threads())
    add_device(parser)
    parser.set_defaults(max_iter=10000)


def setting(args: argparse.Namespace) -> str:
    """Say what was measured, and on what."""
    return (f'{args.cost} costs, reg {args.reg}, '
            f'L1 marginal error {args.error:g}, logits of '
            f'standard deviation {args.spread:g}, {args.device}, '
            f'{args.threads} threads, torch {torch.__version__}, POT '
            f'{ot.__version__}')


def problem(shape: tuple, args: argparse.Namespace) -> tuple:
    """Return source logits, target logits and a cost matrix."""
    batch, source, target = shape
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(source, target, generator=generator)
    if args.cost == 'zero-one':
        cost = cost.round()
    if args.cost == 'block':
        of_source, of_target = (2 * torch.arange(classes) // classes
                                for classes in (source, target))
        cost = (of_source[:, None] != of_target).float()
    logits = (
        args.spread * torch.randn(batch, classes, generator=generator)
        for classes in (source, target))
    return *(one.to(args.device) for one in logits), cost.to(args.device)


class Job:
    """Loss and gradients of one batch, by one solver."""

    knobs = (None, )

    def __init__(self, source: Tensor, target: Tensor, cost: Tensor,
                 args: argparse.Namespace) -> None:
        self.source = source.clone().requires_grad_()
        self.target = target.clone().requires_grad_()
        self.cost, self.args = cost, args

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Return the gradients of the mean loss, and forget them."""
        gradients = self.source.grad, self.target.grad
        self.source.grad = self.target.grad = None
        return gradients


class Ours(Job):
    """OTLoss."""

    name = 'OTLoss'

    def __init__(self, source: Tensor, target: Tensor, cost: Tensor,
                 args: argparse.Namespace) -> None:
        super().__init__(source, target, cost, args)
        self.loss = OTLoss(
            args.reg, args.max_iter, args.error, grad_to='both',
            cost=cost).to(cost)

    def run(self, knob: None = None) -> tuple[Tensor, Tensor]:
        """Do the job."""
        self.loss(self.source, self.target).backward()
        return self.gradients()


class Other(Job):
    """A solver that makes all plans; its knobs are loosest first."""

    def __init__(self, source: Tensor, target: Tensor, cost: Tensor,
                 args: argparse.Namespace) -> None:
        super().__init__(source, target, cost, args)
        self.costs = cost.expand(len(source), -1, -1)
        # POT's tolerance is an L2 norm, which is smaller.
        self.knobs = [args.error * 2.**-power for power in range(8)]

    def run(self, knob: float) -> tuple[Tensor, Tensor]:
        """Do the job."""
        p, q = self.source.softmax(1), self.target.softmax(1)
        # POT makes its first scalings on the default device.
        with torch.no_grad(), torch.device(self.args.device):
            self.plans, log_u, log_v = self.solve(p, q, knob)
        value = (p * log_u).sum(1) + (q * log_v).sum(1)
        (self.args.reg * value).mean().backward()
        return self.gradients()

    def error(self) -> float:
        """Return the largest marginal error of the last plans."""
        p, q = self.source.softmax(1), self.target.softmax(1)
        error = ((self.plans.sum(2) - p).abs().sum(1) +
                 (self.plans.sum(1) - q).abs().sum(1)).amax().item()
        self.plans = None
        return error


class PotBatch(Other):
    """ot.batch.solve_batch, scalings as they are."""

    name = 'POT batch sinkhorn'

    def solve(self, p: Tensor, q: Tensor, knob: float
              ) -> tuple[Tensor, Tensor, Tensor]:
        """Return plans and log scalings."""
        result = ot.batch.solve_batch(
            self.costs, self.args.reg, p, q, max_iter=self.args.max_iter,
            tol=knob, method='sinkhorn', grad='detach')
        return result.plan, *(u.log() for u in result.potentials)


class PotBatchLog(Other):
    """ot.batch.solve_batch in the log domain, as stable as ours."""

    name = 'POT batch log_sinkhorn'

    def solve(self, p: Tensor, q: Tensor, knob: float
              ) -> tuple[Tensor, Tensor, Tensor]:
        """Return plans and log scalings."""
        result = ot.batch.solve_batch(
            self.costs, self.args.reg, p, q, max_iter=self.args.max_iter,
            tol=knob, method='log_sinkhorn', grad='detach')
        return result.plan, *result.potentials


class PotLoop(Other):
    """ot.solve on one sample after the other."""

    name = 'loop of ot.solve'

    def solve(self, p: Tensor, q: Tensor, knob: float
              ) -> tuple[Tensor, Tensor, Tensor]:
        """Return plans and log scalings."""
        results = [
            ot.solve(self.cost, p_, q_, reg=self.args.reg,
                     reg_type='entropy', max_iter=self.args.max_iter,
                     tol=knob, grad='detach')
            for p_, q_ in zip(p, q, strict=True)
        ]
        return (torch.stack([result.plan for result in results]),
                torch.stack([result.potentials[0] for result in results]),
                torch.stack([result.potentials[1] for result in results]))


OTHERS = [PotBatch, PotBatchLog, PotLoop]
