"""One side of a batch of transport problems: its marginals, hard or soft."""
import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Side:
    r"""The marginals of one side, and how firmly they are to be met.

    With a weight tau of KL(marginal of the plan | p) the half step of
    Sinkhorn's iteration is

    .. math::
        \log u = \kappa\, (\log p - \log K v) - (1 - \kappa)\, c / reg,
        \qquad \kappa = \tau / (\tau + reg),

    (Chizat et al., *Scaling algorithms for unbalanced optimal transport
    problems*, Math. Comp. 2018, table 1), where c is what
    :func:`~mmjtln.ot.kernel.reduce_cost` took off the cost on this side.
    kappa = 1 is the hard constraint, kappa = 0 no constraint at all.
    """

    log_mass: Tensor  # log p, shape (B, n); minus infinity is legal.
    offset: Tensor  # c / reg, shape (n,).
    kappa: float
    # Least log scaling before the division by K v. It stands for the minus
    # infinity of a class of zero mass, so that no infinity enters anywhere;
    # its exponential is zero.
    floor: float
    # What every iteration needs, made once: the first log scaling, and p.
    start: Tensor = field(init=False)
    mass: Tensor = field(init=False)

    def __post_init__(self) -> None:
        start = self.log_mass
        if self.kappa < 1:
            start = self.kappa * start
            # With kappa = 0, too, no mass is no mass.
            start = start.where(self.log_mass != -torch.inf, self.floor)
            start = start - (1 - self.kappa) * self.offset
        object.__setattr__(self, 'start', start.clamp(min=self.floor))
        object.__setattr__(self, 'mass', self.log_mass.exp())

    def half_step(self, log_product: Tensor) -> Tensor:
        """Return the log scaling that answers log(K v), shape (B, n)."""
        return torch.sub(self.start, log_product, alpha=self.kappa)

    def _decay(self, log_scaling: Tensor) -> Tensor:
        """Return potential / tau."""
        return (1 / self.kappa - 1) * (log_scaling + self.offset)

    def wanted(self, log_scaling: Tensor) -> Tensor:
        """Return the marginal that optimality asks for, shape (B, n)."""
        if self.kappa == 1:
            return self.mass
        return (self.log_mass - self._decay(log_scaling)).exp()

    def dual(self, log_scaling: Tensor) -> Tensor:
        """Return this side's part of the dual objective / reg, (B, 1)."""
        weight = log_scaling + self.offset
        if self.kappa < 1:
            # Bounded, as zero times infinity would be NaN.
            weight = -self.kappa / (1 - self.kappa) * torch.expm1(
                -self._decay(log_scaling).clamp(min=-600))
        return (self.mass * weight).sum(1, keepdim=True)

    def take(self, rows: Tensor | slice) -> 'Side':
        """Return the side of some samples, in float64."""
        return replace(self, log_mass=self.log_mass[rows].double(),
                       offset=self.offset.double())


def exponent(tau: float, reg: float) -> float:
    """Return kappa = tau / (tau + reg), 1 for an infinite tau."""
    return 1. if tau == math.inf else tau / (tau + reg)
