"""Random OT problems, and the slow and sure way to solve one."""
import numpy as np
import ot
import torch


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
