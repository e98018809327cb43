"""ICIS: what two networks find of weights that names explain."""
import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from tests.load_tool import load_tool

icis = load_tool('frozen_icis').icis
Knowledge = load_tool('frozen_classifiers').Knowledge


@pytest.fixture(scope='module')
def linear() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors and weights, one a linear function of the other."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(100, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = vectors @ rng.normal(size=(6, 10)) + rng.normal(size=10)
    return vectors[20:], vectors[:20], weights[20:], weights[:20]


def test_weights_that_are_linear_in_the_names_are_found(linear):
    """Those of classes that it has not seen, far better than by the mean."""
    source, target, known, wanted = linear
    found = icis(source, target, known)

    def near(rows):
        return cosine_similarity(*map(torch.as_tensor, (
            np.broadcast_to(rows, wanted.shape).copy(), wanted))).mean()

    assert near(found) > 0.95 > 0.8 > near(known.mean(0))
    np.testing.assert_array_equal(found, icis(source, target, known))


def test_a_start_by_networks_is_as_large_as_the_plans(linear):
    source, target, known, _ = linear
    knowledge = Knowledge(known[:, :-1], known[:, -1],
                          1 - source @ target.T, (source, target))
    nothing = np.zeros((0, 9)), np.zeros(0, dtype=int)
    found, plan = (np.c_[knowledge.start(kind, 'true', 0, *nothing)]
                   for kind in ('icis', 'plan'))
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(plan))
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-9)
    expected = icis(source, target, known)
    expected -= expected.mean(0)
    np.testing.assert_allclose(
        found / np.linalg.norm(found),
        expected / np.linalg.norm(expected), atol=1e-9)
