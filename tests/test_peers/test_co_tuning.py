"""Co-Tuning against its formula, and its reverse: the OT loss of a label."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.runner import Runner

from mmjtln.costs import CostMatrix
from mmjtln.models import OTLoss
from mmjtln.peers import CoTuningLoss

LABELS = torch.tensor([1, 0, 3, 1])


def log_label(dtype=torch.float64):
    return F.one_hot(LABELS, 4).to(dtype).log()


def problem(seed=0):
    """Return source logits, a relation (L_s, L_t) and log labels."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(4, 6, generator=generator, dtype=torch.float64)
    relation = torch.randn(6, 4, generator=generator,
                           dtype=torch.float64).mul(2).softmax(dim=0)
    return logits.requires_grad_(), relation


@pytest.mark.parametrize('reg', [1., 0.1])
def test_loss_is_the_cross_entropy_with_the_relation(reg):
    """-sum_i p(i | y_t) log p_i, and no gradient for the target head."""
    logits, relation = problem()
    target = log_label().requires_grad_()
    loss = CoTuningLoss(reg=reg, cost=-reg * relation.log())
    value, log = loss.loss_and_log(logits, target)
    expected = torch.stack([
        -(relation[:, label] * logits[row].log_softmax(dim=0)).sum()
        for row, label in enumerate(LABELS)]).mean()
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert loss(logits, target).item() == value.item()
    divergence = torch.stack([
        F.kl_div(logits[row].log_softmax(dim=0), relation[:, label],
                 reduction='sum') for row, label in enumerate(LABELS)]).mean()
    assert log['relation_kl'].item() == pytest.approx(
        divergence.item(), abs=1e-6)
    found, nothing = torch.autograd.grad(
        value, [logits, target], allow_unused=True)
    torch.testing.assert_close(
        found, torch.autograd.grad(expected, logits)[0], rtol=0, atol=1e-6)
    assert nothing is None


def test_mixed_labels_mix_the_relations():
    """As Mixup gives them: 0.3 of one class and 0.7 of another."""
    logits, relation = problem()
    mixed = torch.tensor([[0.3, 0., 0.7, 0.]], dtype=torch.float64).log()
    loss = CoTuningLoss(cost=-relation.log())
    value = loss(logits[:1], mixed)
    taught = 0.3 * relation[:, 0] + 0.7 * relation[:, 2]
    expected = -(taught * logits[0].log_softmax(dim=0)).sum()
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize('reg', [1., 0.1])
def test_label_form_is_reverse_kl_co_tuning(reg):
    """With C = -reg log p(y_s | y_t), W is reg KL(p || p(y_s | y_t)) - reg.

    Value and gradient, to 1e-6.
    """
    logits, relation = problem()
    loss = OTLoss(reg=reg, tol=1e-12, cost=-reg * relation.log())
    value = loss(logits, log_label())
    log_p = logits.log_softmax(dim=1)
    reverse = (log_p.exp() * (log_p - relation.log().t()[LABELS])).sum(dim=1)
    expected = reg * reverse.mean() - reg
    assert value.item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(
        *(torch.autograd.grad(term, logits)[0] for term in (value, expected)),
        rtol=0, atol=1e-6)


def test_same_least_from_both_sides():
    """Forward and reverse KL are least, 0, at the relation itself."""
    logits, relation = problem()
    at = relation.log().t()[LABELS].requires_grad_()
    for loss in (CoTuningLoss(cost=-relation.log()),
                 OTLoss(reg=1., tol=1e-12, cost=-relation.log())):
        gradient, = torch.autograd.grad(loss(at, log_label()), at)
        assert gradient.abs().max() < 1e-6
    assert CoTuningLoss(cost=-relation.log()).loss_and_log(
        at, log_label())[1]['relation_kl'].abs() < 1e-6


def test_without_a_cost_and_with_another_side_it_is_refused():
    logits, relation = problem()
    loss = CoTuningLoss(cost=-relation.log())
    loss.cost.fill_(float('nan'))
    with pytest.raises(RuntimeError, match='CostMatrixHook'):
        loss(logits, log_label())
    with pytest.raises(ValueError, match='grad_to'):
        CoTuningLoss(cost=-relation.log(), grad_to='target')


def test_trains_with_the_networks_own_relation(tiny_run):
    """In the OT loss's place; the relation's columns are distributions."""
    tiny_run.model.update(
        own_marginal='label', lambda_ot=2.3,
        ot_loss=dict(type='mmjtln.CoTuningLoss'))
    tiny_run.custom_hooks[1].cost = dict(
        type='mmjtln.ConfusionCost', double_centre=False, scale=False,
        samples_per_class=2)
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    logged = runner.message_hub.log_scalars
    assert np.isfinite(logged['train/ot_loss'].data[0]).all()
    assert np.isfinite(logged['train/relation_kl'].data[0]).all()
    matrix = CostMatrix.load(f'{runner.work_dir}/cost_matrix.npz').matrix
    np.testing.assert_allclose(np.exp(-matrix).sum(axis=0), 1, rtol=1e-6)
    torch.testing.assert_close(
        runner.model.ot_loss.category_relationship().double(),
        torch.from_numpy(np.exp(-matrix)), rtol=0, atol=1e-6)
