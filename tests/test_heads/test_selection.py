"""What cross-validation finds best, and how good it says that is."""
import numpy as np
import pytest

from mmjtln.heads import fit_linear
from mmjtln.heads.linear_fit import loss_of
from mmjtln.heads.selection import (
    TUNED,
    Selection,
    estimate,
    fit_selected,
    select,
)


def _problem(counts=(4, 6, 3)):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(labels), 8)) + labels[:, None], labels


def _fixed(*start):
    return lambda features, labels: start


@pytest.mark.parametrize('balanced', [False, True])
def test_predictions_are_of_images_held_out(balanced):
    """Three folds, of which each has as many of each class, by hand."""
    features, labels = _problem((4, 26, 3))
    start = np.zeros((3, 8)), np.zeros(3)
    found = select(features, labels, dict(zero=_fixed(*start)), (10., ),
                   balanced)
    part = np.concatenate([np.arange(count) % 3 for count in (4, 26, 3)])
    for fold in range(3):
        seen = labels[part != fold]
        loss = loss_of(seen, balanced)
        weight, bias = fit_linear(features[part != fold], seen, start, 10.,
                                  loss)
        np.testing.assert_array_equal(
            found.predicted['zero', 10.][part == fold],
            (features[part == fold] @ weight.T + bias).argmax(1))
    assert found.folds == 3 and found.chosen == ('zero', 10.)
    assert found.balanced == balanced
    assert found.accuracy() == estimate([*found.predicted.values()], labels,
                                        balanced)
    # A strong pull else leaves the class of three images out.
    assert (2 in found.predicted['zero', 10.]) == balanced


@pytest.mark.parametrize('ahead', [False, True])
def test_what_is_tuned_begins_at_the_first_head_fitted(ahead):
    """A network that stays as it is predicts what that head does.

    One that is always right is chosen, and its head is fitted to all images.
    """
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(3), 8)
    features = rng.normal(size=(24, 8))
    starts = dict(first=_fixed(rng.normal(size=(3, 8)), np.zeros(3)),
                  zero=_fixed(np.zeros((3, 8)), np.zeros(3)))

    def tuned(held, head):
        return labels[held] if ahead else (
            features[held] @ head[0].T + head[1]).argmax(1)

    head, chosen, found = fit_selected(
        features, labels, starts, (1., 0.1), tuned=tuned)
    assert len(found.predicted) == 5
    assert (chosen == ('first' + TUNED, 1.)) == ahead
    if not ahead:
        np.testing.assert_array_equal(
            found.predicted['first' + TUNED, 1.],
            found.predicted['first', 1.])
    start = starts[chosen[0].removesuffix(TUNED)](features, labels)
    for part, expected in zip(head, fit_linear(
            features, labels, start, chosen[1]), strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize('counts', [(12, 3), (5, 1)])
@pytest.mark.parametrize('balanced', [False, True])
def test_the_fit_is_to_all_images_as_chosen(counts, balanced):
    """The first start and penalty, where no image can be held out."""
    features, labels = _problem(counts)
    features[:, 0] = 10. * labels - 5.

    def right(rows, found):
        return np.array([rows[found == label].mean(0) for label in (0, 1)])

    starts = dict(
        wrong=lambda rows, found: (-right(rows, found), np.zeros(2)),
        right=lambda rows, found: (right(rows, found), np.zeros(2)))
    asked = dict(penalties=(1e4, 1e3), **({'balanced': True} if balanced
                                          else {}))
    head, chosen, selection = fit_selected(features, labels, starts, **asked)
    if min(counts) == 1:
        assert selection is None and chosen == ('wrong', 1e4)
    else:
        expected = select(features, labels, starts, **asked)
        assert selection.balanced == expected.balanced == balanced
        assert chosen == expected.chosen == ('right', 1e4)
        for key, predicted in expected.predicted.items():
            np.testing.assert_array_equal(selection.predicted[key], predicted)
    loss = loss_of(labels, balanced)
    for part, other in zip(head, fit_linear(
            features, labels, starts[chosen[0]](features, labels), chosen[1],
            loss), strict=True):
        np.testing.assert_array_equal(part, other)


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
    starts = dict(zero=_fixed(np.zeros((3, 8)), np.zeros(3)))
    assert select(*_problem((1, 3, 3)), starts) is None
    assert select(*_problem((2, 3, 3)), starts).folds == 2


def test_one_classifier_is_judged_as_it_is():
    """Its mean is its accuracy, within what drawing leaves."""
    labels = np.arange(200) % 4
    predicted = np.where(np.arange(200) < 150, labels, (labels + 1) % 4)
    found = estimate([predicted], labels)
    assert found.value == pytest.approx(75, abs=0.5)
    assert 60 < found.low < 72 and 78 < found.high < 90


def _plain_estimate(right, labels, balanced):
    """Algorithm 5 written out, and the number of images that count alike."""
    count = [(labels == label).sum() for label in labels]
    weights = [1 / c if balanced else 1. for c in count]
    judged = {group: [] for group in (labels if balanced else [0])}
    draws = np.random.default_rng(0).multinomial(
        len(labels), np.full(len(labels), 1 / len(labels)), 1000)
    for drawn in draws:
        share = drawn * weights / (drawn @ weights)
        ahead = [right[k].astype(int) - right[0] for k in range(len(right))]
        means = [share @ a for a in ahead]
        best = int(np.argmax(means))
        variance = share @ (ahead[best] - means[best])**2
        if means[best] <= 2 * np.sqrt(variance * (share @ share)):
            best = 0
        for i in np.flatnonzero(drawn == 0):
            judged[labels[i] if balanced else 0].append(right[best][i])
    return (np.mean([np.mean(found) for found in judged.values()]),
            sum(weights)**2 / sum(weight**2 for weight in weights))


@pytest.mark.parametrize('balanced', [False, True])
def test_estimate_is_that_of_its_sources(balanced):
    """By loops over draws; bounds solve Wilson's equation for a share."""
    rng = np.random.default_rng(3)
    # A class of one image, and a number that no class has.
    labels = np.repeat([0, 1, 3, 4], [9, 4, 6, 1])
    right = rng.random((3, 20)) < [[.4], [.8], [.1]]
    found = estimate([*np.where(right, labels, 2)], labels, balanced)
    value, images = _plain_estimate(right, labels, balanced)
    assert found.value == pytest.approx(100 * value, rel=1e-9)
    assert found.low < found.value < found.high
    for bound in (found.low / 100, found.high / 100):
        assert (value - bound)**2 == pytest.approx(
            1.96**2 * bound * (1 - bound) / images)


def test_of_one_classifier_the_estimate_is_its_share():
    """Nothing was chosen, so nothing is drawn; classes count the same."""
    labels = np.array([0, 0, 0, 1])
    one = [np.array([0, 0, 0, 0])]
    assert estimate(one, labels).value == 75
    assert estimate(one, labels, balanced=True).value == 50


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
    # Two standard errors to the last digit, of four images, are not more.
    found = {('first', 1.): np.ones(4), ('other', 1.): np.array([0, 0, 1, 1])}
    assert Selection(found, labels[:4], 5).chosen == ('first', 1.)


def test_what_is_always_better_is_chosen():
    """Its variance, zero, may come out as less than that."""
    for count in range(2, 100):
        found = {('first', 1.): np.ones(count), ('other', 1.): np.zeros(count)}
        assert Selection(found, np.zeros(count, int), 5).chosen == (
            'other', 1.)
