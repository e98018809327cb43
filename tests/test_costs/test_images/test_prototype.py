import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from mmjtln.costs import ClassFeatures, PrototypeCost
from mmjtln.costs.prototype import oas_shrinkage
from tests.test_costs.conftest import ToyImages, random_features

oas = pytest.importorskip('sklearn.covariance').oas


def sides():
    return random_features([5, 2, 9], 4), random_features([3, 3], 4, 1)


def means(domain):
    return np.stack([
        domain.of_class(k).double().numpy().mean(0)
        for k in range(domain.num_classes)
    ])


@pytest.mark.parametrize('metric', ['cosine', 'euclidean'])
def test_distances_are_scipys(metric):
    source, target = sides()
    found, _ = PrototypeCost(metric).distances(source, target)
    np.testing.assert_allclose(
        found, cdist(means(source), means(target), metric), atol=1e-9)


@pytest.mark.parametrize('shrinkage', [None, 0.3, 1.0])
def test_mahalanobis_uses_the_pooled_shrunk_covariance(shrinkage):
    source, target = sides()
    builder = PrototypeCost('mahalanobis', shrinkage)
    found, details = builder.distances(source, target)
    residuals = np.concatenate([
        d.features.double().numpy() - means(d)[d.labels] for d in
        (source, target)
    ])
    covariance, rho = oas(residuals, assume_centered=True)
    if shrinkage is not None:
        s = residuals.T @ residuals / len(residuals)
        covariance, rho = (1 - shrinkage) * s + shrinkage * np.trace(
            s) / 4 * np.eye(4), shrinkage
    expected = cdist(
        means(source), means(target), 'mahalanobis',
        VI=np.linalg.inv(covariance))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert details['shrinkage'] == pytest.approx(rho, rel=1e-5)


def test_shrinkage_of_few_images_in_many_dimensions():
    x = torch.randn(6, 50, dtype=torch.float64)
    assert oas_shrinkage(x.T @ x / 6, 6) == pytest.approx(
        oas(x.numpy(), assume_centered=True)[1])
    assert oas_shrinkage(torch.eye(3), 5) == 1


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match='metric'):
        PrototypeCost('manhattan')
    with pytest.raises(ValueError, match='shrinkage'):
        PrototypeCost('mahalanobis', 0)
    alone = ClassFeatures(torch.randn(3, 4), torch.arange(3), 3)
    with pytest.raises(ValueError, match='do not vary within any class'):
        PrototypeCost('mahalanobis').distances(alone, alone)
    zero = ClassFeatures(torch.zeros(1, 4), torch.tensor([0]), 1)
    with pytest.raises(ValueError, match='no direction'):
        PrototypeCost().distances(zero, zero)


@pytest.mark.parametrize('metric', ['cosine', 'euclidean', 'mahalanobis'])
def test_the_related_class_is_the_nearest(source, model, metric):
    cost = PrototypeCost(metric)(source, ToyImages([3, 4, 5, 2], shift=25),
                                 model)
    assert cost.matrix.argmin(axis=0).tolist() == [0, 1, 2, 3]


def test_a_collapsed_network_is_refused(source, target, model):
    torch.nn.init.zeros_(model.backbone.conv.weight)
    with pytest.raises(ValueError, match='all source images have the same'):
        PrototypeCost()(source, target, model)
