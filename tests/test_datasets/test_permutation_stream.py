"""The stream of permutations: any place of it, whole and by weight."""
import numpy as np
import pytest

from mmjtln.datasets.permutation_stream import PermutationStream


@pytest.mark.parametrize('only', [None, 2])
def test_a_stream_is_one_permutation_after_another(only):
    """Those of NumPy's generator, seeded with seed and number."""
    stream = PermutationStream(7, (3, 1), only)
    expected = np.concatenate([
        np.random.default_rng([3, 1, k if only is None else only]
                              ).permutation(7) for k in range(4)])
    for start, count in ((0, 28), (9, 3), (6, 9), (20, 8), (0, 1)):
        np.testing.assert_array_equal(
            stream.take(start, count), expected[start:start + count])
    none = stream.take(5, 0)
    assert none.shape == (0, ) and none.dtype == stream.take(5, 1).dtype
    # What is taken may be changed without harm to what comes.
    stream.take(0, 7)[:] = 0
    np.testing.assert_array_equal(stream.take(0, 7), expected[:7])


def test_unshuffled_it_counts():
    stream = PermutationStream(3, (3, 1), shuffle=False)
    assert stream.take(2, 6).tolist() == [2, 0, 1, 2, 0, 1]


@pytest.mark.parametrize('weights', [
    [1., 1., 1., 1., 1.], [4., 0., 0.5, 0.25, 0.25], [0., 0., 0., 0., 2.]])
def test_stream_draws_each_image_as_often_as_its_weight_says(weights):
    """Up to one in each permutation, and exactly in the mean."""
    weights = np.array(weights)
    expected = 5 * weights / weights.sum()
    stream = PermutationStream(5, (0, 1), weights=weights)
    draws = [np.bincount(stream.take(5 * k, 5), minlength=5)
             for k in range(2000)]
    for drawn in draws:
        assert (np.abs(drawn - expected) < 1 + 1e-9).all()
    np.testing.assert_allclose(np.mean(draws, axis=0), expected, atol=0.05)
    # Any part can be had without what is before it.
    again = PermutationStream(5, (0, 1), weights=weights)
    np.testing.assert_array_equal(again.take(7, 9), np.concatenate([
        stream.take(7, 4), stream.take(11, 5)]))


def test_a_draw_by_weight_is_kept_over_versions():
    """A resumed run must see what the interrupted one would have seen."""
    weights = np.array([1., 2., 1.5, 0.5, 1., 2.5])
    stream = PermutationStream(6, (0, 1), weights=weights)
    assert stream.take(0, 12).tolist() == [
        5, 4, 5, 2, 0, 1, 5, 1, 2, 5, 1, 0]
    fixed = PermutationStream(6, (0, 1), 1, weights=weights)
    assert fixed.take(0, 6).tolist() == stream.take(6, 6).tolist()


def test_the_largest_random_number_draws_no_image_without_weight(monkeypatch):
    """(size - 1 + r) / size rounds to 1, where the weights end."""
    class Largest:
        def random(self):
            return np.nextafter(1., 0.)

        def permutation(self, order):
            return np.arange(order) if np.isscalar(order) else order

    monkeypatch.setattr(np.random, 'default_rng', lambda seed: Largest())
    for weights, expected in (([1., 1., 1., 1.], [0, 2, 3, 3]),
                              ([1., 1., 1., 0.], [0, 1, 2, 2]),
                              ([0., 1., 0., 0.], [1, 1, 1, 1]),
                              ([1., 0., 0., 0.], [0, 0, 0, 0])):
        stream = PermutationStream(4, (0, ), weights=np.array(weights))
        assert stream.take(0, 4).tolist() == expected
