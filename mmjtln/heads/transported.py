"""A target classifier from a source classifier, carried over by a plan."""
import logging

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmjtln.ot import sinkhorn

#: Where zero-shot and few-shot accuracy were best or level in trials.
REG = 0.05
RELAX = 0.05
_MAX_ITER, _TOL = 10000, 1e-6


def plan_weights(cost: Tensor, reg: float = REG,
                 relax: float | None = RELAX) -> Tensor:
    r"""Say what share of each target class comes from each source class.

    The unbalanced entropic plan of the cost matrix, its columns scaled to
    one. Each target class receives the same mass, exactly; the source classes
    give theirs at a price for giving more or less than the same:

    .. math::
        \min_{G \ge 0} \langle G, C\rangle - reg\, H(G)
        + relax\, KL(G 1 \,|\, 1 / L_s)
        \quad\text{s.t. } G^T 1 = 1 / L_t,
        \qquad A_{ij} = G_{ij} / \textstyle\sum_i G_{ij}

    With :math:`\kappa = relax / (relax + reg)`: at 0 the shares are
    softmax(-C / reg) over the source classes, the nearest ones, whoever else
    they are near to; at 1 (``relax=None``) transport is balanced, and all
    source classes are used up. In between, a source class that is near to
    everything is shared out.

    Source: L. Chizat, G. Peyre, B. Schmitzer and F.-X. Vialard, "Scaling
    Algorithms for Unbalanced Optimal Transport Problems", Mathematics of
    Computation 87 (2018), table 1.

    Args:
        cost (Tensor): C, shape (L_s, L_t), finite and not negative.
        reg (float): Weight of the entropy, in units of the cost. Defaults to
            0.05.
        relax (float, optional): Weight of the source classes' penalty, in
            units of the cost. 0: they give what is asked; None: each gives
            the same. Defaults to 0.05.

    Returns:
        Tensor: Shape (L_s, L_t), float64, columns sum to one.

    Raises:
        TypeError: If the cost is no floating-point tensor.
        ValueError: If an option or the cost is out of range.
    """
    uniform = [
        torch.full((1, count), -torch.tensor(float(count)).log().item(),
                   dtype=torch.float64, device=cost.device)
        for count in cost.shape
    ]
    result = sinkhorn(*uniform, cost.double(), reg, _MAX_ITER, _TOL,
                      relax=dict(source=relax))
    if not result.converged:
        print_log(
            'The plan between the class lists stopped at '
            f'{_MAX_ITER} iterations with a marginal error of '
            f'{result.error.amax().item():.1e}; raise reg or lower relax.',
            logger='current', level=logging.WARNING)
    plan = result.plan(0)
    return plan / plan.sum(0)


def transported(weight: Tensor, bias: Tensor | None,
                shares: Tensor) -> tuple[Tensor, Tensor | None]:
    r"""Carry the last layer of a source classifier over to target classes.

    The barycentric projection of the plan, less its mean over the target
    classes, which no prediction depends on:

    .. math::
        w_j = \sum_i A_{ij} w_i - \frac{1}{L_t} \sum_{ik} A_{ik} w_i,
        \qquad b_j \text{ likewise}

    Source: G. Peyre and M. Cuturi, "Computational Optimal Transport",
    arXiv:1803.00567, remark 4.11 (barycentric projection).

    Args:
        weight (Tensor): Source weights, shape (L_s, D).
        bias (Tensor, optional): Source biases, shape (L_s, ).
        shares (Tensor): A of :func:`plan_weights`, shape (L_s, L_t).

    Returns:
        tuple[Tensor, Tensor | None]: Target weights, shape (L_t, D), and
        biases, shape (L_t, ), of the source's types.
    """
    mixing = (shares - shares.mean(1, keepdim=True)).T.double()
    found = [None if part is None else
             (mixing.to(part.device) @ part.double()).to(part.dtype)
             for part in (weight, bias)]
    return tuple(found)
