"""The fit is the optimum of its objective; folds hold each image out once."""
import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from mmjtln.heads import fit_linear, weigh_start
from mmjtln.heads.linear_fit import (
    cross_entropy,
    loss_of,
    told_weight,
    weighed,
)


def _images(images: int = 14, width: int = 30, classes: int = 3):
    rng = np.random.default_rng(0)
    labels = np.arange(images) % classes
    features = rng.normal(size=(images, width)) + labels[:, None]
    start = rng.normal(size=(classes, width)), rng.normal(size=classes)
    return features, labels, start


@pytest.mark.parametrize('penalty', [1e-3, 0.1, 10.])
@pytest.mark.parametrize('images, width', [(14, 30), (40, 5)])
def test_the_gradient_vanishes_in_full_space(penalty, images, width):
    features, labels, (weight, bias) = _images(images, width)
    found, offset = fit_linear(features, labels, (weight, bias), penalty)
    rest = softmax(features @ found.T + offset, axis=1) - np.eye(3)[labels]
    slope = rest.T @ features / images + 2 * penalty * (found - weight)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    np.testing.assert_allclose(
        rest.mean(0) + 2 * penalty * (offset - bias), 0, atol=1e-6)


def test_from_zero_it_is_a_logistic_regression():
    features, labels, _ = _images()
    zeros = np.zeros((3, 30)), np.zeros(3)
    found, _ = fit_linear(features, labels, zeros, 0.05)
    # The constant feature makes the bias one of the weights, as here.
    full = np.c_[features, np.ones(len(features))]
    theirs = LogisticRegression(
        C=1 / (2 * 0.05 * len(labels)), fit_intercept=False, tol=1e-10,
        max_iter=10000).fit(full, labels)
    np.testing.assert_allclose(found, theirs.coef_[:, :-1], atol=1e-4)


def test_a_strong_pull_keeps_the_start():
    features, labels, start = _images()
    for found, wanted in zip(fit_linear(features, labels, start, 1e9), start,
                             strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_one_image_a_class_is_learned():
    features, labels, _ = _images(3)
    weight, bias = fit_linear(features, labels,
                              (np.zeros((3, 30)), np.zeros(3)), 1e-3)
    assert ((features @ weight.T + bias).argmax(1) == labels).all()


def test_bad_input_is_refused():
    features, labels, start = _images()
    with pytest.raises(ValueError, match='penalty'):
        fit_linear(features, labels, start, 0.)
    for count in (13, 0):
        with pytest.raises(ValueError, match='as many labels'):
            fit_linear(features[:count], labels[:0], start, 1.)


def _losses(weights, scores, labels):
    """Cross entropies of scores (S, N, L) mixed by weights (M, S), (M, )."""
    log_p = log_softmax(np.tensordot(weights, scores, 1), axis=2)
    return -log_p[:, np.arange(len(labels)), labels].mean(1)


def test_weight_of_a_start_is_where_the_likelihood_is_greatest():
    """Against a fine grid; none below 1 where the start explains images."""
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    noise = rng.normal(size=(30, 3))
    for signal in (3., 1., -1.):
        scores = noise + signal * np.eye(3)[labels] + rng.normal(size=(30, 1))
        grid = np.linspace(0, 10, 2001)
        losses = _losses(grid[:, None], scores[None], labels)
        best = grid[np.argmin(losses)]
        found = weigh_start(scores, labels)
        if signal > 0:
            assert cross_entropy(scores, labels)[0] < np.log(3)
            best = max(best, 1.)
        assert found == pytest.approx(best, abs=0.01)
    assert found == 0.
    assert weigh_start(np.zeros((30, 3)), labels) == 0


@pytest.mark.parametrize('best, weight', [(0.2, 0.2), (0.55, 1.), (2., 2.)])
def test_a_start_too_sure_of_itself_is_weighed_below_one(best, weight):
    """Only where it explains the images worse, as it is, than none."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    scores = rng.normal(size=(300, 3)) + np.eye(3)[labels]
    scores *= weigh_start(scores, labels) / best
    losses = [cross_entropy(t * scores, labels)[0] for t in (0., 1., 2.)]
    assert (losses[1] < losses[0]) == (weight >= 1)
    assert (losses[2] < losses[0]) == (weight > 1)
    assert weigh_start(scores, labels) == pytest.approx(weight, abs=0.001)
    # A start that is told by its bias alone, with images of other classes.
    images = np.zeros((300, 2))
    bias = np.log([3., 2., 1.]) / best
    labels = np.repeat([0, 1, 2], [150, 100, 50])
    start = np.ones((3, 2)), bias
    for starts in ((start, ), (start, start)):
        found, head = weighed(images, labels, *starts)
        assert found.sum() == pytest.approx(weight, abs=0.001)
        np.testing.assert_allclose(head[1], found.sum() * bias)


def test_no_start_is_taken_off():
    """One that would explain the images if it were gets nothing."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = np.c_[np.eye(3)[labels] + rng.normal(size=(60, 3)),
                     rng.normal(size=(60, 3))]
    blurred, blur = ((np.c_[share * np.eye(3), np.eye(3)], np.zeros(3))
                     for share in (1., 0.))
    found, _ = weighed(features, labels, blurred, blur)
    alone, _ = weighed(features, labels, blurred)
    np.testing.assert_allclose(found, [*alone, 0.], atol=1e-3)
    assert found[1] == 0


def test_two_useless_starts_get_nothing():
    labels = np.arange(6) % 2
    features = np.eye(2)[labels]
    found, (weight, bias) = weighed(features, labels, *(
        (-scale * np.eye(2), np.zeros(2)) for scale in (1, 2)))
    assert not found.any() and not weight.any() and not bias.any()


def test_a_balanced_weight_is_that_of_repeated_images():
    """Three of a class to one weigh as three copies of that one do."""
    rng = np.random.default_rng(4)
    labels = np.array([0, 0, 0, 1])
    scores = np.eye(2)[labels] + rng.normal(size=(4, 2)) * [[0.8]]
    again = np.r_[0, 1, 2, 3, 3, 3]
    assert weigh_start(scores, labels, balanced=True) == pytest.approx(
        weigh_start(scores[again], labels[again]), abs=1e-4)
    start = np.eye(2), np.zeros(2)
    np.testing.assert_allclose(
        weighed(scores, labels, start, balanced=True)[0],
        weighed(scores[again], labels[again], start)[0], atol=1e-4)
    assert weigh_start(scores, labels) != pytest.approx(
        weigh_start(scores, labels, balanced=True), abs=1e-2)


@pytest.mark.parametrize('weight, words', [
    (1., 'names explain your images (weight 1.00)'),
    (0.99, 'explain little of your images (weight 0.99)'),
    (0., 'starts from zero')])
def test_what_a_weight_means(weight, words):
    assert words in told_weight(weight)


def test_a_penalty_for_each_class_pulls_that_class():
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(12, 4)), np.arange(12) % 3
    start = rng.normal(size=(3, 4)), rng.normal(size=3)
    same = fit_linear(features, labels, start, 0.1)
    for part, other in zip(same, fit_linear(features, labels, start,
                                            np.full(3, 0.1)), strict=True):
        np.testing.assert_array_equal(part, other)
    weight, _ = fit_linear(features, labels, start, np.array([1e6, 0.1, 0.1]))
    moved = np.abs(weight - start[0]).max(1)
    assert moved[0] < 1e-4 < 1e-2 < moved[1:].min()


def test_several_starts_are_mixed_by_the_likelihood():
    """A useless one gets nothing; of two halves of the truth both are taken.

    Against a fine grid over both weights.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    truth = rng.normal(size=(3, 8))
    features = truth[labels] + rng.normal(size=(60, 8))
    halves = [np.where(np.arange(8) % 2 == k, truth, 0.) for k in (0, 1)]
    starts = [(part, -0.5 * (part**2).sum(1)) for part in halves]
    found, head = weighed(features, labels, *starts)

    def loss(t):
        return cross_entropy(sum(
            share * (features @ weight.T + bias)
            for share, (weight, bias) in zip(t, starts, strict=True)),
            labels)[0]

    grid = np.linspace(0, 3, 61)
    best = _losses(np.stack(np.meshgrid(grid, grid), 2).reshape(-1, 2),
                   np.array([features @ weight.T + bias
                             for weight, bias in starts]), labels).min()
    assert (found > 0.3).all() and loss(found) <= max(best, loss(
        found / found.sum())) + 1e-3
    np.testing.assert_allclose(head[0], found[0] * halves[0]
                               + found[1] * halves[1])
    good, wrong = ((part, -0.5 * (part**2).sum(1))
                   for part in (truth, truth[[1, 2, 0]]))
    found, head = weighed(features, labels, good, wrong)
    assert 0 <= found[1] < 0.1 * found[0]
    np.testing.assert_allclose(head[1], found[0] * good[1]
                               + found[1] * wrong[1])


@pytest.mark.parametrize('labels', [[0, 0, 0, 2], [1, 1, 0, 0], [2]])
def test_balanced_loss_is_the_mean_over_classes_that_there_are(labels):
    labels = np.array(labels)
    scores = np.random.default_rng(0).normal(size=(len(labels), 3))
    each = -log_softmax(scores, axis=1)[np.arange(len(labels)), labels]
    means = [each[labels == label].mean() for label in set(labels)]
    value, _ = loss_of(labels, True)(scores, labels)
    assert value == pytest.approx(np.mean(means))


def test_a_fit_of_one_image_in_float32_is_that_in_float64():
    features, labels, start = _images(1)
    single = [part.astype(np.float32) for part in (features, *start)]
    double = [part.astype(np.float64) for part in single]
    found, expected = (fit_linear(rows, labels, head, 1)
                       for rows, *head in (single, double))
    for part, other in zip(found, expected, strict=True):
        assert part.dtype == np.float64
        np.testing.assert_allclose(part, other, rtol=1e-12)
    assert np.abs(found[0] - single[1]).max() > 0.01


def test_classes_that_count_the_same():
    """As if each image stood there as often as the other class has some."""
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(8, 3)), np.array([0] * 6 + [1] * 2)
    start = np.zeros((2, 3)), np.zeros(2)
    copies = np.repeat(np.arange(8), [1] * 6 + [3] * 2)
    expected = fit_linear(features[copies], labels[copies], start, 0.1)
    found = fit_linear(features, labels, start, 0.1, loss_of(labels, True))
    for part, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, other, atol=1e-5)
