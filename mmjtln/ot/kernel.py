"""The Gibbs kernel exp(-C / reg), and the products Sinkhorn takes with it.

Two forms with one interface, chosen by :func:`build_kernel` from the range
of ``C / reg``: a dense matrix whose products are single matrix products for
the whole batch, and a log-sum-exp for ranges that no float can hold.
"""
import math

import torch

# A product K v with K in [exp(-R), 1] and max(v) = 1 loses the terms below
# the smallest normal number (exp(-87), exp(-708)) against a sum that is at
# least exp(-R). These bounds leave exp(27) and exp(100) between the two:
# what is lost stays below rounding for any number of classes.
MAX_RANGE_FLOAT32 = 60.
MAX_RANGE_FLOAT64 = 600.
# Elements of one chunk's temporary in the log-sum-exp form, unless a single
# sample needs more.
CHUNK_ELEMENTS = 2**20


class DenseKernel:
    """K as a matrix: a half step is one product for the batch.

    Args:
        log_kernel (Tensor): log K, shape (N, L), nowhere positive.
            Overwritten.
    """

    def __init__(self, log_kernel):
        self.matrix = log_kernel.exp_()
        self.transposed = self.matrix.t()
        self.elements = log_kernel.numel()

    def marginal(self, p, log_p):
        """The form of a marginal that :meth:`sweep` takes."""
        return p

    def log_rows(self, log_v):
        """log(K v), shape (B, N), of log v, shape (B, L)."""
        shift = log_v.amax(1, keepdim=True)
        product = torch.mm((log_v - shift).exp_(), self.transposed)
        return product.log_().add_(shift)

    def sweep(self, log_v, marginal):
        """log(K^T u), shape (B, L), where u = marginal / (K v), (B, N)."""
        shift = log_v.amax(1, keepdim=True)
        product = torch.mm((log_v - shift).exp_(), self.transposed)
        # A marginal below the smallest float counts as zero here; the
        # classes concerned move no more mass than that.
        product = torch.div(marginal, product, out=product)
        return torch.mm(product, self.matrix).log_().sub_(shift)

    def _split(self, log_u, log_v):
        """Factors of at most one each, and the scale taken off them."""
        shift_u = log_u.amax(1, keepdim=True)
        shift_v = log_v.amax(1, keepdim=True)
        # The factor is at most exp(R): every entry of the plan is <= 1.
        return ((log_u - shift_u).exp_(), (log_v - shift_v).exp_(),
                (shift_u + shift_v).exp_())

    def plan(self, log_u, log_v):
        """One sample's plan, shape (N, L), of log u (N,) and log v (L,)."""
        u, v, factor = self._split(log_u[None], log_v[None])
        return u.mul_(factor).t() * self.matrix * v

    def mean_plan(self, log_u, log_v):
        """The batch's mean plan, shape (N, L)."""
        u, v, factor = self._split(log_u, log_v)
        return (u.mul_(factor).t() @ v).mul_(self.matrix).div_(len(u))

    def transport_cost(self, log_u, log_v, cost):
        """<plan, cost> of each sample, shape (B,)."""
        u, v, factor = self._split(log_u, log_v)
        per_column = u.mul_(factor) @ (self.matrix * cost)
        return per_column.mul_(v).sum(1)


class LogKernel:
    """The same by log-sum-exp, a chunk of samples at a time.

    Right for any range; the work is one exponential per entry of every
    sample's plan, the memory that of one chunk.

    Args:
        log_kernel (Tensor): log K, shape (N, L), nowhere positive.
    """

    def __init__(self, log_kernel):
        self.log_kernel = log_kernel
        self.elements = log_kernel.numel()

    def _chunks(self, *tensors):
        size = max(1, CHUNK_ELEMENTS // self.log_kernel.numel())
        return zip(*(t.split(size) for t in tensors), strict=True)

    def marginal(self, p, log_p):
        """The form of a marginal that :meth:`sweep` takes."""
        return log_p

    def log_rows(self, log_v):
        """log(K v), shape (B, N), of log v, shape (B, L)."""
        return torch.cat([
            (v[:, None] + self.log_kernel).logsumexp(2)
            for v, in self._chunks(log_v)
        ])

    def log_columns(self, log_u):
        """log(K^T u), shape (B, L), of log u, shape (B, N)."""
        return torch.cat([
            (u[:, :, None] + self.log_kernel).logsumexp(1)
            for u, in self._chunks(log_u)
        ])

    def sweep(self, log_v, marginal):
        """log(K^T u), shape (B, L), where u = marginal / (K v), (B, N)."""
        return self.log_columns(marginal - self.log_rows(log_v))

    def plan(self, log_u, log_v):
        """One sample's plan, shape (N, L), of log u (N,) and log v (L,)."""
        return (log_u[:, None] + log_v + self.log_kernel).exp_()

    def mean_plan(self, log_u, log_v):
        """The batch's mean plan, shape (N, L)."""
        total = torch.zeros_like(self.log_kernel)
        for u, v in self._chunks(log_u, log_v):
            plans = u[:, :, None] + v[:, None] + self.log_kernel
            total += plans.exp_().sum(0)
        return total.div_(len(log_u))

    def transport_cost(self, log_u, log_v, cost):
        """<plan, cost> of each sample, shape (B,)."""
        return torch.cat([
            (u[:, :, None] + v[:, None] + self.log_kernel).exp_().mul_(
                cost).sum((1, 2)) for u, v in self._chunks(log_u, log_v)
        ])


def reduce_cost(cost):
    """Take the row minima, then the column minima, off a cost matrix.

    They change the potentials by known amounts and the plan not at all;
    what decides the form of the kernel is the range that is left.

    Args:
        cost (Tensor): shape (N, L), finite, non-negative.

    Returns:
        tuple: What is left, shape (N, L), new memory; the row offsets (N,)
        and the column offsets (L,); the largest entry left (float).

    Raises:
        ValueError: If the cost has a non-finite or a negative entry.
    """
    rows = cost.amin(1)
    rest = cost - rows[:, None]
    columns = rest.amin(0)
    rest -= columns
    # One read of the device for all that must be known about the cost.
    least, spread = torch.stack([rows.amin(), rest.amax()]).tolist()
    if not (math.isfinite(least) and math.isfinite(spread) and least >= 0):
        raise ValueError(
            'cost must be finite and non-negative, got a matrix of shape '
            f'{tuple(cost.shape)} with a NaN, infinite or negative entry; '
            'mend the cost matrix before solving')
    return rest, rows, columns, spread


def build_kernel(log_kernel, span):
    """Choose the form that holds K with log K in [-span, 0].

    Args:
        log_kernel (Tensor): log K, shape (N, L), in a dtype fit for the
            span. Overwritten.
        span (float): The largest entry of -log K.
    """
    form = DenseKernel if span <= MAX_RANGE_FLOAT64 else LogKernel
    return form(log_kernel)
