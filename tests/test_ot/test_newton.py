"""Newton's method on the dual, from a start that is far off."""
import pytest
import torch

from mmjtln.ot.kernel import build_kernel
from mmjtln.ot.newton import newton
from mmjtln.ot.side import Side

from .problems import random_problem


@pytest.mark.parametrize('kappas', [(1., 1.), (1., 0.95), (0.95, 1.)])
@pytest.mark.parametrize('chunk', [1, 2**20])
def test_alone_it_solves(kappas, chunk, monkeypatch):
    """To rounding in a few steps, for hard and for soft marginals."""
    monkeypatch.setattr('mmjtln.ot.kernel.CHUNK_ELEMENTS', chunk)
    log_p, log_q, cost = random_problem(5, 7, 4, scale=3.)
    kernel = build_kernel(cost, 0.05, cost.max().item())
    rows, columns = (
        Side(log, log.new_zeros(log.shape[1]), kappa, -1000.)
        for log, kappa in zip((log_p, log_q), kappas, strict=True))
    start = torch.zeros_like(log_q)
    log_v, solved, steps = newton(kernel, rows, columns, start, 100, 1e-12,
                                  1e-10)
    assert solved.all() and steps <= 40
    log_u = rows.half_step(kernel.log_rows(log_v))
    columns_of_plan = kernel.plans(log_u, log_v).sum(1)
    torch.testing.assert_close(columns_of_plan, columns.wanted(log_v))


def test_unsolved_is_said():
    """A sample that max_steps ended is not called solved."""
    log_p, log_q, cost = random_problem(3, 7, 4, scale=3.)
    rows, columns = (Side(log, log.new_zeros(log.shape[1]), 1., -1000.)
                     for log in (log_p, log_q))
    kernel = build_kernel(cost, 0.01, cost.max().item())
    _, solved, steps = newton(kernel, rows, columns, torch.zeros_like(log_q),
                              2, 1e-12, 1e-10)
    assert steps == 2 and not solved.any()
