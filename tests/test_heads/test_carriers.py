"""How a head is mixed by names: each carrier against another way."""
import numpy as np
import pytest
import torch

from mmjtln.heads import CARRIERS, mixing_weights, plan_weights, transported
from mmjtln.heads.carriers import (
    _STRENGTHS,
    _WIDTHS,
    mean_of_nearest,
    regression,
    source_weights,
    sparse,
)


def _units(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.normal(size=shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def known() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors of 30 and 4 names, and weights that follow them."""
    rng = np.random.default_rng(0)
    source, target = _units(rng, 30, 5), _units(rng, 4, 5)
    weights = np.tanh(source @ rng.normal(size=(5, 8))) + .1 * rng.normal(
        size=(30, 8))
    return source, target, weights


def _kernel(rows, others, width):
    return np.exp(-width * ((rows[:, None] - others)**2).sum(-1))


def test_regression_is_chosen_as_by_leaving_each_class_out(known):
    """Thirty fits of 29 classes for each point of the grid, and no formula."""
    source, target, weights = known
    wanted = weights - weights.mean(0)
    errors = {}
    for width in _WIDTHS:
        for strength in _STRENGTHS:
            error = 0.
            for left in range(30):
                rest = np.arange(30) != left
                solved = np.linalg.solve(
                    _kernel(source[rest], source[rest], width)
                    + strength * np.eye(29), wanted[rest])
                error += ((wanted[left] - _kernel(
                    source[left:left + 1], source[rest], width) @ solved)**2
                ).sum()
            errors[width, strength] = error
    found = regression(*known)
    best = min(errors, key=errors.get)
    assert (found.width, found.strength) == best
    assert found.explained == pytest.approx(
        1 - errors[best] / (wanted**2).sum(), abs=1e-6)
    expected = _kernel(target, source, found.width) @ np.linalg.solve(
        _kernel(source, source, found.width)
        + found.strength * np.eye(30), wanted)
    np.testing.assert_allclose(found.mixing.T @ weights, expected, atol=1e-6)


def test_regression_of_many_classes_goes_by_landmarks(known, monkeypatch):
    """With 20 of 30 it is near; every class counts, not the landmarks only."""
    exact = regression(*known)
    monkeypatch.setattr('mmjtln.heads.carriers._LANDMARKS', 20)
    found = regression(*known)
    assert np.abs(found.mixing).min() > 0
    assert found.explained == pytest.approx(exact.explained, abs=0.1)
    scores, expected = (part.mixing.T @ known[2] for part in (found, exact))
    assert np.corrcoef(scores.ravel(), expected.ravel())[0, 1] > 0.95


def test_regression_of_many_weights_judges_a_projection(known):
    """Forty copies of each weight tell nothing new; it is always the same."""
    source, target, weights = known
    exact = regression(*known)
    found, again = (regression(source, target, np.tile(weights, 40))
                    for _ in range(2))
    assert (found.width, found.strength) == (exact.width, exact.strength)
    assert found.explained == again.explained != exact.explained
    assert found.explained == pytest.approx(exact.explained, abs=0.05)
    np.testing.assert_allclose(found.mixing, exact.mixing)


def test_mean_and_sparse_by_hand():
    """Of twelve names; a name that is a mix of two is mixed of the two."""
    source = np.eye(12)
    target = np.array([[.8, .6] + [0.] * 10, [.1] * 10 + [0.] * 2])
    target[1] /= np.linalg.norm(target[1])
    mixed = sparse(source, target)
    np.testing.assert_allclose(mixed[:, 0], target[0], atol=1e-12)
    mean = mean_of_nearest(source, target)
    np.testing.assert_allclose(mean[:, 1], [.1] * 10 + [0.] * 2)
    assert mean.sum(0).tolist() == pytest.approx([1., 1.])
    # Of those as near the first.
    mean = mean_of_nearest(np.tile([[.5], [1.]], (200, 1)), np.ones((1, 1)))
    assert np.flatnonzero(mean).tolist() == [*range(1, 20, 2)]


def test_each_carrier_mixes_in_its_way(known):
    """But for a factor, which weights' units do not change."""
    source, target, weights = known
    cost, whole = torch.as_tensor(1 - source @ target.T), torch.as_tensor(
        weights)
    torch.testing.assert_close(
        mixing_weights('nearest', cost, whole),
        (-cost / 0.05).softmax(0))
    torch.testing.assert_close(
        mixing_weights('plan', cost, whole),
        plan_weights(cost), rtol=0, atol=0)
    for carrier, wanted in dict(
            regression=regression(*known).mixing,
            mean=mean_of_nearest(source, target),
            sparse=sparse(source, target)).items():
        found, tiny = (mixing_weights(
            carrier, cost, unit * whole, (source, target)).numpy()
            for unit in (1., 1e-6))
        at = np.unravel_index(wanted.argmax(), wanted.shape)
        np.testing.assert_allclose(
            found / found[at], wanted / wanted[at], atol=1e-9)
        np.testing.assert_allclose(tiny, found, rtol=1e-6)


@pytest.mark.parametrize('bias', [True, False])
def test_source_weights_are_those_that_give_the_logits(bias):
    head = torch.nn.Sequential(torch.nn.Linear(4, 3),
                               torch.nn.Linear(3, 5, bias=bias))
    found = source_weights(head, 5)
    inputs = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        torch.cat([inputs, torch.ones(7, 1)], 1)[:, :3 + bias] @ found.T,
        head[1](inputs).detach())
    assert not found.requires_grad


@pytest.mark.parametrize('carrier', CARRIERS)
def test_a_head_is_as_large_as_the_plans(known, carrier):
    source, target, weights = known
    cost = torch.as_tensor(1 - source @ target.T)
    whole = torch.as_tensor(weights)
    mixing = mixing_weights(carrier, cost, whole, (source, target))
    found, plan = (transported(whole, None, mixed)[0] for mixed in (
        mixing, plan_weights(cost)))
    assert mixing.shape == (30, 4)
    if carrier != 'nearest':
        assert found.norm() == pytest.approx(plan.norm())


def test_one_source_class_carries_nothing_and_nothing_breaks():
    one = np.ones((1, 1))
    for carrier in CARRIERS:
        mixing = mixing_weights(carrier, torch.zeros(1, 2), torch.ones(1, 3),
                                (one, np.ones((2, 1))))
        assert mixing.isfinite().all()


def test_unknown_carriers_and_missing_vectors_are_refused():
    cost, weights = torch.rand(3, 2), torch.rand(3, 4)
    with pytest.raises(ValueError, match='must be one of plan, nearest'):
        mixing_weights('best', cost, weights)
    with pytest.raises(ValueError, match='goes by vectors of the class names'):
        mixing_weights('regression', cost, weights)
