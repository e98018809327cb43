"""What cross-validation finds best, and how good it says that is."""
import numpy as np
import pytest

from mmjtln.heads import fit_linear
from mmjtln.heads.selection import Selection, estimate, select


def _problem(counts=(4, 6, 3)):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), 8)) + labels[:, None], labels


def _fixed(*start):
    return lambda features, labels: start


def test_predictions_are_of_images_held_out():
    """Three folds, of which each has as many of each class, by hand."""
    features, labels = _problem()
    start = np.zeros((3, 8)), np.zeros(3)
    found = select(features, labels, dict(zero=_fixed(*start)), (0.1, ))
    part = np.concatenate([np.arange(count) % 3 for count in (4, 6, 3)])
    for fold in range(3):
        weight, bias = fit_linear(features[part != fold],
                                  labels[part != fold], start, 0.1)
        np.testing.assert_array_equal(
            found.predicted['zero', 0.1][part == fold],
            (features[part == fold] @ weight.T + bias).argmax(1))
    assert found.folds == 3 and found.chosen == ('zero', 0.1)


def test_a_good_start_earns_a_strong_pull():
    """With features that say nothing but for the start's direction."""
    rng = np.random.default_rng(1)
    labels = np.arange(40) % 2
    features = rng.normal(size=(40, 200))
    features[:, 0] = 2. * labels - 1
    weight = np.zeros((2, 200))
    weight[:, 0] = -9, 9
    starts = dict(wrong=_fixed(-weight, np.zeros(2)),
                  right=_fixed(weight, np.zeros(2)))
    found = select(features, labels, starts, (1e-6, 100.))
    assert found.chosen[0] == 'right'
    assert found.accuracy('right').value == 100
    assert found.accuracy('wrong').value < 100
    reverse = dict(wrong=starts['wrong'], right=starts['right'])
    assert select(features, labels, reverse, (1e-6, )).chosen[0] == 'right'
    only = select(features, labels, dict(wrong=starts['wrong']), (100., 1e-6))
    assert only.chosen == ('wrong', 1e-6)


def test_a_start_sees_no_image_that_is_held_out():
    features, labels = _problem((4, 4))
    seen = []

    def start(rows, found):
        seen.append({row.tobytes() for row in rows})
        return np.zeros((2, 8)), np.zeros(2)

    select(features, labels, dict(seen=start), (0.1, ))
    assert [len(rows) for rows in seen] == [6, 6, 6, 6]
    assert len(set.union(*seen)) == 8


def test_no_class_can_do_without_its_only_image():
    features, labels = _problem((1, 3, 3))
    assert select(features, labels, dict(
        zero=_fixed(np.zeros((3, 8)), np.zeros(3)))) is None


def test_one_classifier_is_judged_as_it_is():
    """Its mean is its accuracy, within what drawing leaves."""
    labels = np.arange(200) % 4
    predicted = np.where(np.arange(200) < 150, labels, (labels + 1) % 4)
    found = estimate([predicted], labels)
    assert found.value == pytest.approx(75, abs=0.5)
    assert 60 < found.low < 72 and 78 < found.high < 90


def test_the_best_of_many_guesses_is_told_from_chance():
    """Their accuracy on the images that chose them is too high by far."""
    rng = np.random.default_rng(0)
    flattered, told, within = [], [], []
    for _ in range(30):
        labels = rng.integers(2, size=40)
        guesses = rng.integers(2, size=(20, 40))
        flattered.append(100 * (guesses == labels).mean(1).max())
        found = estimate(list(guesses), labels)
        told.append(found.value)
        within.append(found.low < 50 < found.high)
    assert np.mean(within) > 0.8
    assert np.mean(flattered) > 60
    assert np.mean(told) == pytest.approx(50, abs=3)


def test_classes_count_the_same_where_asked():
    """A class of one in ten weighs as much as the other nine."""
    labels = np.array([0] * 90 + [1] * 10)
    largest, smallest = np.zeros(100, dtype=int), labels * 0 + 1
    found = {('largest', 1.): largest, ('other', 1.): np.where(
        np.arange(100) < 50, 0, 1)}
    assert Selection(found, labels, 5).chosen == ('largest', 1.)
    assert Selection(found, labels, 5, True).chosen == ('other', 1.)
    assert estimate([largest], labels).value == pytest.approx(90, abs=0.5)
    for one in (largest, smallest):
        assert estimate([one], labels, True).value == pytest.approx(50, abs=1)


def test_the_first_is_kept_unless_another_is_surely_better():
    """One image more of forty is chance, twenty are not."""
    labels = np.zeros(40, dtype=int)
    first = np.arange(40) % 2
    for better, chosen in ((1, 'first'), (20, 'other')):
        other = first.copy()
        other[np.flatnonzero(first)[:better]] = 0
        found = Selection({('first', 1.): first, ('other', 1.): other},
                          labels, 5)
        assert found.chosen == (chosen, 1.)
