"""Each image is held out once, and the best penalty is taken."""
import numpy as np

from mmjtln.heads import fit_linear
from mmjtln.heads.linear_fit import cross_validate


def _problem(counts=(4, 6, 3)):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), 8)) + labels[:, None], labels


def test_accuracy_is_that_of_images_held_out():
    """Three folds, of which each has as many of each class, by hand."""
    features, labels = _problem()
    start = np.zeros((3, 8)), np.zeros(3)
    found = cross_validate(features, labels, start, (0.1, ))
    part = np.concatenate([np.arange(count) % 3 for count in (4, 6, 3)])
    right = []
    for fold in range(3):
        weight, bias = fit_linear(features[part != fold],
                                  labels[part != fold], start, 0.1)
        right += list((features[part == fold] @ weight.T + bias).argmax(1)
                      == labels[part == fold])
    assert found.folds == 3 and found.penalty == 0.1
    assert found.accuracy == 100 * np.mean(right)


def test_a_good_start_earns_a_strong_pull():
    """With features that say nothing but for the start's direction."""
    rng = np.random.default_rng(1)
    labels = np.arange(40) % 2
    features = rng.normal(size=(40, 200))
    features[:, 0] = 2. * labels - 1
    weight = np.zeros((2, 200))
    weight[:, 0] = -9, 9
    found = cross_validate(features, labels, (weight, np.zeros(2)),
                           (1e-6, 100.))
    assert found.accuracy == 100
    worse = cross_validate(features, labels, (-weight, np.zeros(2)),
                           (100., 1e-6))
    assert worse.penalty == 1e-6


def test_no_class_can_do_without_its_only_image():
    features, labels = _problem((1, 3, 3))
    assert cross_validate(features, labels,
                          (np.zeros((3, 8)), np.zeros(3))) is None
