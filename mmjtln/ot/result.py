"""What the Sinkhorn solver returns."""
from dataclasses import dataclass, field

from torch import Tensor

from .kernel import Kernel


@dataclass(frozen=True)
class SinkhornResult:
    """Dual potentials of a batch of entropic OT problems.

    The plan of sample b is ``exp((f_i + g_j - C_ij) / reg)``. The marginal
    of its longer side is met to rounding, the other within ``error``: so
    the potentials are exact for marginals that far from those asked for.
    Nothing here carries a gradient.

    Args:
        f (Tensor): Source potentials, shape (B, L_s), float64, in units of
            the cost. Centred where no side is relaxed: the mean under the
            sample's own marginal, ``<p, f>``, is zero. Always finite: the
            true potential of a class of zero mass is minus infinity; it
            carries that of a mass of exp(-1000 - 2 max(C) / reg) or so,
            which is zero in any float, and so are ``p * f`` and its
            gradient through a softmax, as they are in the limit.
        g (Tensor): Target potentials, shape (B, L_t), likewise finite.
        mass (Tensor): Mass of each plan, shape (B,); 1 unless relaxed.
        error (Tensor): Marginal error of each sample, shape (B,): the L1
            distance between the marginal of the plan on its shorter side
            and the marginal asked for; with that side relaxed, the one
            that its next half step would give.
        iterations (int): Sinkhorn iterations (two half steps each) and
            Newton steps done.
        converged (bool): Whether ``error <= tol`` for every sample.
    """

    f: Tensor
    g: Tensor
    mass: Tensor
    error: Tensor
    iterations: int
    converged: bool
    # Log scalings of the kernel below. Its rows are the longer side: the
    # target's, if ``swapped``.
    _log_u: Tensor = field(repr=False)
    _log_v: Tensor = field(repr=False)
    _kernel: Kernel = field(repr=False)
    _cost: Tensor = field(repr=False)
    _swapped: bool = field(repr=False)

    def _oriented(self, plan: Tensor) -> Tensor:
        return plan.t() if self._swapped else plan

    def plan(self, index: int) -> Tensor:
        """The transport plan of one sample, shape (L_s, L_t)."""
        return self._oriented(
            self._kernel.plans(self._log_u[index][None],
                               self._log_v[index][None])[0])

    def mean_plan(self) -> Tensor:
        """The batch's mean plan, shape (L_s, L_t), in one matrix product."""
        return self._oriented(self._kernel.mean_plan(self._log_u, self._log_v))

    def transport_cost(self) -> Tensor:
        """<plan, cost> of each sample, shape (B,), in one matrix product."""
        return self._kernel.transport_cost(
            self._log_u, self._log_v,
            self._oriented(self._cost).to(self._log_u.dtype))
