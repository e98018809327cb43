"""What the Sinkhorn solver returns."""
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from .kernel import Prepared


@dataclass(frozen=True)
class SinkhornResult:
    """Dual potentials of a batch of entropic OT problems.

    The plan of sample b is ``exp((f_i + g_j - C_ij) / reg)``. The marginal
    of its longer side is met to rounding, the other within ``error``.
    Nothing here carries a gradient.

    Args:
        mass (Tensor): Mass of each plan, shape (B,); 1 unless relaxed.
        error (Tensor): L1 distance, shape (B,), of the marginal of the plan
            on its shorter side from that asked for or, relaxed, from that
            which its next half step would give.
        iterations (int): Sinkhorn iterations (two half steps each) and
            Newton steps done.
        converged (bool): Whether ``error <= tol`` for every sample.
    """

    mass: Tensor
    error: Tensor
    iterations: int
    converged: bool
    # Log scalings of the kernel, and the scalings where they are at hand.
    _log_u: Tensor = field(repr=False)
    _log_v: Tensor = field(repr=False)
    _scalings: tuple[Tensor, Tensor] | None = field(repr=False)
    _prepared: Prepared = field(repr=False)
    # The marginal by which f is centred, or None.
    _p: Tensor | None = field(repr=False)
    # Whether what `sinkhorn` was to look at besides is known to be finite.
    also_finite: bool = field(repr=False)

    def _oriented(self, plan: Tensor) -> Tensor:
        return plan.t() if self._prepared.swapped else plan

    def potentials(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return f and g but for a constant, which each sample has."""
        made = self._prepared
        f, g = (torch.add(offsets.to(dtype), log.to(dtype), alpha=made.reg)
                for offsets, log in ((made.row_offsets, self._log_u),
                                     (made.column_offsets, self._log_v)))
        return (g, f) if made.swapped else (f, g)

    @cached_property
    def _centred(self) -> tuple[Tensor, Tensor]:
        # In float32 their rounding alone would move a millionth of the mass.
        f, g = self.potentials(torch.float64)
        if self._p is not None:
            centre = self._p.mul(f).sum(1, keepdim=True)
            f, g = f - centre, g + centre
        return f, g

    @property
    def f(self) -> Tensor:
        """Tensor: Source potentials, shape (B, L_s), float64.

        In units of the cost. Centred where no side is relaxed: the mean under
        the sample's own marginal, ``<p, f>``, is zero. Always finite: a class
        of zero mass, whose potential is minus infinity, has that of a mass
        too small for any float.
        """
        return self._centred[0]

    @property
    def g(self) -> Tensor:
        """Tensor: Target potentials, shape (B, L_t), likewise finite."""
        return self._centred[1]

    def plan(self, index: int) -> Tensor:
        """The transport plan of one sample, shape (L_s, L_t)."""
        return self._oriented(
            self._prepared.kernel.plans(self._log_u[index][None],
                                        self._log_v[index][None])[0])

    def mean_plan(self) -> Tensor:
        """The batch's mean plan, shape (L_s, L_t), in one matrix product."""
        return self._oriented(
            self._prepared.kernel.mean_plan(self._log_u, self._log_v))

    def transport_cost(self) -> Tensor:
        """<plan, cost> of each sample, shape (B,), in one matrix product."""
        if self._scalings is not None:
            u, v = self._scalings
            return (u @ self._prepared.kernel_cost).mul_(v).sum(1)
        return self._prepared.kernel.transport_cost(
            self._log_u, self._log_v, self._prepared.oriented_cost)
