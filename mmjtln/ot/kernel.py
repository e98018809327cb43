"""The Gibbs kernel exp(-C / reg), and the products Sinkhorn takes with it.

Two forms with one interface, chosen by the range of ``C / reg``: a matrix,
with one product for the whole batch, and a log-sum-exp for ranges that no
float can hold. Of a batch: log u (B, N), log v (B, L).
"""
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmjtln.errors import require

from .side import Side

# A product K v with K in [exp(-R), 1] and max(v) = 1 loses the terms below
# the smallest normal number (exp(-708)) against a sum that is at least
# exp(-R). This bound leaves exp(100) between the two: what is lost stays
# below rounding for any number of classes.
MAX_RANGE_DENSE = 600.
# Elements of one chunk's temporary where samples have one each, unless a
# single sample needs more.
CHUNK_ELEMENTS = 2**20


def chunk_size(elements: int) -> int:
    """Return how many samples of so many elements make a chunk."""
    return max(1, CHUNK_ELEMENTS // elements)


class DenseKernel:
    """K as a matrix: a half step is one product for the batch."""

    def __init__(self, log_kernel: Tensor) -> None:
        self.matrix = log_kernel.exp_()  # log K, nowhere positive.
        self.transposed = self.matrix.t()

    def log_rows(self, log_v: Tensor) -> Tensor:
        """log(K v), shape (B, N), of log v, shape (B, L)."""
        return self._log_product(log_v, self.transposed)

    def log_columns(self, log_u: Tensor) -> Tensor:
        """log(K^T u), shape (B, L), of log u, shape (B, N)."""
        return self._log_product(log_u, self.matrix)

    def sweep(self, log_v: Tensor, rows: Side) -> Tensor:
        """log(K^T u), shape (B, L), u being the half step to the rows."""
        if rows.kappa < 1:
            return self.log_columns(rows.half_step(self.log_rows(log_v)))
        shift = log_v.amax(1, keepdim=True)
        product = torch.mm((log_v - shift).exp_(), self.transposed)
        # A marginal below the smallest float counts as zero here; the
        # classes concerned move no more mass than that.
        product = torch.div(rows.mass, product, out=product)
        return torch.mm(product, self.matrix).log_().sub_(shift)

    @staticmethod
    def _log_product(log_factor: Tensor, matrix: Tensor) -> Tensor:
        shift = log_factor.amax(1, keepdim=True)
        product = torch.mm((log_factor - shift).exp_(), matrix)
        return product.log_().add_(shift)

    def _split(self, log_u: Tensor, log_v: Tensor) -> tuple[Tensor, Tensor]:
        """Factors u and v of the plan u K v, the one of them at most 1."""
        shift_u = log_u.amax(1, keepdim=True)
        shift_v = log_v.amax(1, keepdim=True)
        # The scale is at most exp(R): every entry of the plan is <= 1.
        scale = (shift_u + shift_v).exp_()
        return ((log_u - shift_u).exp_().mul_(scale), (log_v - shift_v).exp_())

    def plans(self, log_u: Tensor, log_v: Tensor) -> Tensor:
        """Each sample's plan, shape (B, N, L)."""
        u, v = self._split(log_u, log_v)
        return (u[:, :, None] * self.matrix).mul_(v[:, None])

    def mean_plan(self, log_u: Tensor, log_v: Tensor) -> Tensor:
        """The batch's mean plan, shape (N, L)."""
        u, v = self._split(log_u, log_v)
        return (u.t() @ v).mul_(self.matrix).div_(len(u))

    def transport_cost(self, log_u: Tensor, log_v: Tensor,
                       cost: Tensor) -> Tensor:
        """<plan, cost> of each sample, shape (B,)."""
        u, v = self._split(log_u, log_v)
        return (u @ (self.matrix * cost)).mul_(v).sum(1)


class LogKernel:
    """The same by log-sum-exp, right for any range, in chunks of samples."""

    def __init__(self, log_kernel: Tensor) -> None:
        self.log_kernel = log_kernel

    def _chunks(self, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
        # One exponential per entry of every sample's plan.
        size = chunk_size(self.log_kernel.numel())
        return zip(*(t.split(size) for t in tensors), strict=True)

    def log_rows(self, log_v: Tensor) -> Tensor:
        return torch.cat([(v[:, None] + self.log_kernel).logsumexp(2)
                          for v, in self._chunks(log_v)])

    def log_columns(self, log_u: Tensor) -> Tensor:
        return torch.cat([(u[:, :, None] + self.log_kernel).logsumexp(1)
                          for u, in self._chunks(log_u)])

    def sweep(self, log_v: Tensor, rows: Side) -> Tensor:
        return self.log_columns(rows.half_step(self.log_rows(log_v)))

    def plans(self, log_u: Tensor, log_v: Tensor) -> Tensor:
        return (log_u[..., None] + log_v[:, None]).add_(self.log_kernel).exp_()

    def mean_plan(self, log_u: Tensor, log_v: Tensor) -> Tensor:
        total = torch.zeros_like(self.log_kernel)
        for u, v in self._chunks(log_u, log_v):
            total += self.plans(u, v).sum(0)
        return total.div_(len(log_u))

    def transport_cost(self, log_u: Tensor, log_v: Tensor,
                       cost: Tensor) -> Tensor:
        return torch.cat([self.plans(u, v).mul_(cost).sum((1, 2))
                          for u, v in self._chunks(log_u, log_v)])


Kernel = DenseKernel | LogKernel


@dataclass(frozen=True)
class Prepared:
    """What the solver makes of a cost matrix, for every batch alike."""

    # With equal entries of the cost, this makes it the same.
    key: tuple[Any, ...]
    cost: Tensor  # A copy of the matrix as it was given.
    reg: float
    swapped: bool  # Whether rows are the target's: they are the longer side.
    rest: Tensor  # As the next three of reduce_cost.
    row_offsets: Tensor
    column_offsets: Tensor
    spread: float
    span: float  # The largest C / reg.
    kernel: Kernel

    @cached_property
    def offsets(self) -> tuple[Tensor, Tensor]:
        """What was taken off rows and columns, in units of reg."""
        return self.row_offsets / self.reg, self.column_offsets / self.reg

    @cached_property
    def oriented_cost(self) -> Tensor:
        """The cost with the longer side as rows, in the kernel's dtype."""
        return (self.cost.t() if self.swapped else self.cost).to(
            self.rest.dtype)

    @cached_property
    def kernel_cost(self) -> Tensor:
        """The kernel, which must be a matrix, times the cost."""
        assert isinstance(self.kernel, DenseKernel)
        return self.kernel.matrix * self.oriented_cost

    @cached_property
    def precise_kernel(self) -> Kernel:
        """The kernel in float64."""
        if self.rest.dtype == torch.float64:
            return self.kernel
        return build_kernel(self.rest.double(), self.reg, self.spread)


class KernelCache:
    """Keeps the last cost's :class:`Prepared` between calls of ``sinkhorn``.

    Each call compares the cost's entries with those it was made of, so that a
    kernel of old entries is never used. Copies and pickles begin empty.
    """

    def __init__(self) -> None:
        self.held: Prepared | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return KernelCache, ()


def reduce_cost(cost: Tensor) -> tuple[Tensor, Tensor, Tensor, float, float]:
    """Take the row minima, then the column minima, off a cost matrix.

    They change the potentials by known amounts and the plan not at all.
    Returned are what is left (N, L), in new memory; the minima of rows (N,)
    and columns (L,); the largest entry left, and of the cost.
    """
    rows = cost.amin(1)
    rest = cost - rows[:, None]
    columns = rest.amin(0)
    rest -= columns
    # One read of the device for all that must be known about the cost.
    least, largest, spread = torch.stack(
        [rows.amin(), cost.amax(), rest.amax()]).tolist()
    require(math.isfinite(least) and math.isfinite(largest) and least >= 0,
            'cost must be finite and non-negative',
            f'got a matrix of shape {tuple(cost.shape)} with a NaN, infinite '
            'or negative entry', 'Mend it before solving')
    return rest, rows, columns, spread, largest


def build_kernel(rest: Tensor, reg: float, spread: float) -> Kernel:
    """Choose the form that holds exp(-rest / reg), spread = max(rest)."""
    dense = spread / reg <= MAX_RANGE_DENSE
    return (DenseKernel if dense else LogKernel)(rest * (-1 / reg))
