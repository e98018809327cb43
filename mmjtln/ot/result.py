"""What the Sinkhorn solver returns."""
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class SinkhornResult:
    """Dual potentials of a batch of entropic OT problems.

    The plan of sample b is ``exp((f_i + g_j - C_ij) / reg)``. One marginal
    of it is met to rounding, the other within ``error``. Nothing here
    carries a gradient.

    Args:
        f (Tensor): Source potentials, shape (B, L_s), in units of the
            cost. Centred: the mean under the sample's own marginal,
            ``<p, f>``, is zero. Always finite: the true potential of a
            class of zero mass is minus infinity; it carries that of a mass
            of exp(-1000 - 2 max(C) / reg) or so, which is zero in any
            float, and so are ``p * f`` and its gradient through a softmax,
            as they are in the limit.
        g (Tensor): Target potentials, shape (B, L_t), likewise finite.
        error (Tensor): Marginal error of each sample, shape (B,): a bound
            of the L1 distance between a marginal of the plan and the
            marginal asked for.
        iterations (int): Sinkhorn iterations done, of two half steps each.
        converged (bool): Whether ``error <= tol`` for every sample.
    """

    f: Tensor
    g: Tensor
    error: Tensor
    iterations: int
    converged: bool
    # Log scalings of the kernel below. Its rows are the longer side: the
    # target's, if ``swapped``.
    _log_u: Tensor = field(repr=False)
    _log_v: Tensor = field(repr=False)
    _kernel: Any = field(repr=False)
    _cost: Tensor = field(repr=False)
    _swapped: bool = field(repr=False)

    def _oriented(self, plan):
        return plan.t() if self._swapped else plan

    def plan(self, index):
        """The transport plan of one sample, shape (L_s, L_t).

        Args:
            index (int): Which sample of the batch.
        """
        return self._oriented(
            self._kernel.plan(self._log_u[index], self._log_v[index]))

    def mean_plan(self):
        """The batch's mean plan, shape (L_s, L_t).

        One matrix product; no (B, L_s, L_t) array.
        """
        return self._oriented(
            self._kernel.mean_plan(self._log_u, self._log_v))

    def transport_cost(self):
        """<plan, cost> of each sample, shape (B,), in units of the cost.

        One matrix product; no (B, L_s, L_t) array.
        """
        return self._kernel.transport_cost(
            self._log_u, self._log_v,
            self._oriented(self._cost).to(self._log_u.dtype))
