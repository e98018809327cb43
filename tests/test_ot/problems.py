"""Random OT problems, and the slow and sure way to solve one."""
import math

import numpy as np
import ot
import torch
from scipy.special import logsumexp


def random_problem(batch, num_source, num_target, scale=1.0, seed=0,
                   dtype=torch.float64):
    """Return log p, log q and a cost with entries in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    cost = torch.rand(
        num_source, num_target, generator=generator, dtype=torch.float64)
    log_p = (scale * normal(batch, num_source)).log_softmax(1)
    log_q = (scale * normal(batch, num_target)).log_softmax(1)
    return log_p.to(dtype), log_q.to(dtype), cost.to(dtype)


def pot_plan(log_p, log_q, cost, reg):
    """POT's log-domain plan of one sample, to 1e-12."""
    return ot.sinkhorn(
        log_p.exp().numpy(),
        log_q.exp().numpy(),
        cost.numpy(),
        reg,
        method='sinkhorn_log',
        numItermax=100000,
        stopThr=1e-12)


def objective(plan, cost, reg):
    """<G, C> - reg H(G) with H(G) = -sum G (log G - 1), in numpy."""
    plan = np.asarray(plan)
    mass = plan[plan > 0]
    return (plan * np.asarray(cost)).sum() + reg * (
        mass * (np.log(mass) - 1)).sum()


def dual_value(result, log_p, log_q, reg):
    """<p, f> + <q, g> - reg of each sample."""
    return ((log_p.exp() * result.f).sum(1) +
            (log_q.exp() * result.g).sum(1) - reg)


def marginal_error(result, log_p, log_q):
    """L1 distance of both marginals, from the plans themselves."""
    errors = []
    for index in range(len(log_p)):
        plan = result.plan(index).double()
        p, q = log_p[index].double().exp(), log_q[index].double().exp()
        errors.append((plan.sum(1) - p).abs().sum() +
                      (plan.sum(0) - q).abs().sum())
    return torch.stack(errors)


COSTS = ('random', 'block', 'zero-one', 'identity', 'tied', 'constant',
         'low-rank', 'outlier', 'offset')


def cost_of(kind, num_source, num_target, generator):
    """A cost matrix as users write them, float64."""
    def rand(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    shape = num_source, num_target
    if kind == 'block':
        groups = 2 + int(3 * rand(1))
        of_source, of_target = (
            torch.arange(count) * groups // count for count in shape)
        return (of_source[:, None] != of_target).double()
    if kind == 'zero-one':
        return (rand(*shape) < 0.5).double()
    if kind == 'identity':
        return 1 - torch.eye(*shape, dtype=torch.float64)
    if kind == 'tied':
        return (4 * rand(*shape)).round() / 4
    if kind == 'constant':
        return torch.full(shape, 0.7, dtype=torch.float64)
    if kind == 'low-rank':
        return rand(num_source, 1) * rand(1, num_target)
    cost = rand(*shape)
    if kind == 'outlier':
        cost[0, -1] = 10
    if kind == 'offset':
        cost += 5 * rand(num_source, 1)
    return cost


def error_of_potentials(result, log_p, log_q, cost, reg):
    """L1 error of the plan that f and g define, float64, (B,).

    Of the worse of its marginals.
    """
    plan = ((result.f.double()[:, :, None] + result.g.double()[:, None] -
             cost.double()) / reg).exp()
    return torch.maximum(
        (plan.sum(2) - log_p.double().exp()).abs().sum(1),
        (plan.sum(1) - log_q.double().exp()).abs().sum(1))


def plain_iterations(log_p, log_q, cost, reg, tol, max_iter):
    """How many plain iterations in the log domain the worst sample takes."""
    log_p, log_q = log_p.double(), log_q.double()
    log_kernel, log_v = cost.double() / -reg, log_q
    for iteration in range(1, max_iter + 1):
        log_u = log_p - (log_v[:, None] + log_kernel).logsumexp(2)
        log_s = (log_u[:, :, None] + log_kernel).logsumexp(1)
        error = ((log_v + log_s).exp() - log_q.exp()).abs().sum(1)
        if error.max() <= tol:
            return iteration
        log_v = log_q - log_s
    return math.inf


def reference(log_p, log_q, cost, reg):
    """Potentials of one sample to rounding, or None.

    By eigenvectors of the dual's Hessian and a line of dampings: slow, and
    unlike the solver in all but the problem.
    """
    a, b, log_kernel = log_p.numpy(), log_q.numpy(), (cost / -reg).numpy()
    p, q = np.exp(a), np.exp(b)

    def look(log_v):
        log_u = a - logsumexp(log_v + log_kernel, axis=1)
        plan = np.exp(log_u[:, None] + log_v + log_kernel)
        return log_u, plan, p @ log_u + q @ log_v

    log_v = b
    for _ in range(30):
        log_v = b - logsumexp(look(log_v)[0][:, None] + log_kernel, axis=0)
    for _ in range(60):
        log_u, plan, value = look(log_v)
        columns = plan.sum(0)
        if np.abs(q - columns).sum() < 1e-13:
            return reg * log_u, reg * log_v
        scale = np.maximum(columns, q)**-0.5
        hessian = np.diag(columns) - plan.T @ (plan / p[:, None])
        rates, modes = np.linalg.eigh(hessian * scale[:, None] * scale)
        parts = modes.T @ (scale * (q - columns))
        for damping in (0, *10.**np.arange(-14, 3)):
            step = scale * (modes @ np.where(
                rates > 1e-13, parts / (rates + damping), 0))
            if look(log_v + step)[2] >= value - 1e-15 * abs(value):
                break
        log_v = log_v + step
    return None
