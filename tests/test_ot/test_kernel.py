"""The Gibbs kernel's two forms against plain formulas."""
import pytest
import torch

from mmjtln.ot.kernel import DenseKernel, LogKernel, reduce_cost
from mmjtln.ot.side import Side


@pytest.mark.parametrize('form', [DenseKernel, LogKernel])
def test_products(form):
    """Each product is the one its name says, however large the scalings."""
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(5, 4, generator=generator, dtype=torch.float64)
    log_u = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    log_v = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    log_v[0, 1], log_v[1] = -2000, log_v[1] + 900
    kernel = form(-cost)
    torch.testing.assert_close(
        kernel.log_rows(log_v), (log_v[:, None] - cost).logsumexp(2))
    log_p = log_u.log_softmax(1)
    log_scaling = log_p - kernel.log_rows(log_v)
    hard = Side(log_p, log_p.new_zeros(5), 1., -1000.)
    torch.testing.assert_close(
        kernel.sweep(log_v, hard),
        (log_scaling[:, :, None] - cost).logsumexp(1))
    soft = Side(log_p, log_p.new_zeros(5), 0.3, -1000.)
    torch.testing.assert_close(
        kernel.sweep(log_v, soft),
        (0.3 * log_scaling[:, :, None] - cost).logsumexp(1))
    log_u = log_scaling
    plans = (log_u[:, :, None] + log_v[:, None] - cost).exp()
    torch.testing.assert_close(kernel.plans(log_u, log_v), plans)
    torch.testing.assert_close(kernel.mean_plan(log_u, log_v), plans.mean(0))
    torch.testing.assert_close(
        kernel.transport_cost(log_u, log_v, cost),
        (plans * cost).sum((1, 2)))


def test_reduced_cost_is_the_least_equivalent():
    """Offsets and rest add up to the cost; the rest touches zero."""
    cost = torch.rand(6, 5, dtype=torch.float64) + 3
    rest, rows, columns, spread, largest = reduce_cost(cost)
    assert largest == cost.max().item()
    torch.testing.assert_close(rest + rows[:, None] + columns, cost)
    assert (rest >= 0).all() and (rest.amin(0) == 0).all()
    assert rest.max().item() == spread < 1
