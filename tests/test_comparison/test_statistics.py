"""Means and paired differences agree with formulas and worked examples."""
import numpy as np
import pytest
from scipy import stats

from mmjtln.comparison.statistics import (
    holm,
    mean_interval,
    paired_difference,
)


def test_interval_is_students():
    values = [80., 82.5, 79., 85., 81.]
    found = mean_interval(values)
    half = stats.t.ppf(0.975, 4) * np.std(values, ddof=1) / 5**0.5
    assert found.n == 5
    assert found.mean == pytest.approx(np.mean(values))
    assert found.low == pytest.approx(np.mean(values) - half)
    assert found.high == pytest.approx(np.mean(values) + half)


def test_difference_is_the_paired_t_test():
    """Seeds pair, whatever their order; a seed of one side alone is out."""
    ours = {2: 84., 0: 81., 1: 86., 7: 99.}
    theirs = {0: 80., 1: 82., 2: 83., 5: 10.}
    found = paired_difference(ours, theirs)
    expected = stats.ttest_rel([81., 86., 84.], [80., 82., 83.])
    interval = expected.confidence_interval(0.95)
    assert found.n == 3
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(
        (interval.low, interval.high))


def test_too_few_seeds_give_no_interval():
    """Two would give one of more than a hundred per cent."""
    assert mean_interval([]).mean is None
    assert mean_interval([70., 90.]).low is None
    assert mean_interval([70., 90., 80.]).low is not None
    one = paired_difference({0: 2.}, {0: 1.})
    assert one.mean == 1. and one.low is None and one.p is None


def test_an_interval_stays_where_values_can_be():
    """Student's of these three ends at 110.0 and, mirrored, below 0."""
    high, low = [90., 100., 99.], [10., 0., 1.]
    assert mean_interval(high).high > 100
    assert mean_interval(high, 0., 100.).high == 100
    assert mean_interval(low, 0., 100.).low == 0
    assert mean_interval(high, 0., 100.).low == mean_interval(high).low


def test_seeds_alike_give_no_interval_of_no_width():
    """Neither of a mean nor of a difference: few seeds often agree."""
    assert mean_interval([83.3, 83.3, 83.3]).low is None
    found = paired_difference({0: 83., 1: 84., 2: 85.},
                              {0: 82., 1: 83., 2: 84.})
    assert found.mean == 1. and found.low is None is found.p


def test_holm():
    """The textbook example of four tests."""
    assert holm([.01, .04, .03, .005]) == pytest.approx([.03, .06, .06, .02])
    assert holm([.5, None, .04]) == [.5, None, .08]
    assert holm([.9, .8]) == [1., 1.]
