"""The fit is the optimum of its objective, and scikit-learn's from zero."""
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from mmjtln.heads import fit_linear


def _problem(images: int = 14, width: int = 30, classes: int = 3):
    rng = np.random.default_rng(0)
    labels = np.arange(images) % classes
    features = rng.normal(size=(images, width)) + labels[:, None]
    start = rng.normal(size=(classes, width)), rng.normal(size=classes)
    return features, labels, start


@pytest.mark.parametrize('penalty', [1e-3, 0.1, 10.])
@pytest.mark.parametrize('images, width', [(14, 30), (40, 5)])
def test_the_gradient_vanishes_in_full_space(penalty, images, width):
    features, labels, (weight, bias) = _problem(images, width)
    found, offset = fit_linear(features, labels, (weight, bias), penalty)
    rest = softmax(features @ found.T + offset, axis=1) - np.eye(3)[labels]
    slope = rest.T @ features / images + 2 * penalty * (found - weight)
    np.testing.assert_allclose(slope, 0, atol=1e-5)
    np.testing.assert_allclose(
        rest.mean(0) + 2 * penalty * (offset - bias), 0, atol=1e-5)


def test_from_zero_it_is_a_logistic_regression():
    features, labels, _ = _problem()
    zeros = np.zeros((3, 30)), np.zeros(3)
    found, _ = fit_linear(features, labels, zeros, 0.05)
    # The constant feature makes the bias one of the weights, as here.
    full = np.c_[features, np.ones(len(features))]
    theirs = LogisticRegression(
        C=1 / (2 * 0.05 * len(labels)), fit_intercept=False, tol=1e-10,
        max_iter=10000).fit(full, labels)
    np.testing.assert_allclose(found, theirs.coef_[:, :-1], atol=1e-4)


def test_a_strong_pull_keeps_the_start():
    features, labels, start = _problem()
    for found, wanted in zip(fit_linear(features, labels, start, 1e9), start,
                             strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_one_image_a_class_is_learned():
    features, labels, _ = _problem(3)
    weight, bias = fit_linear(features, labels,
                              (np.zeros((3, 30)), np.zeros(3)), 1e-3)
    assert ((features @ weight.T + bias).argmax(1) == labels).all()


def test_bad_input_is_refused():
    features, labels, start = _problem()
    with pytest.raises(ValueError, match='must be positive'):
        fit_linear(features, labels, start, 0.)
    with pytest.raises(ValueError, match='as many labels'):
        fit_linear(features, labels[1:], start, 1.)
