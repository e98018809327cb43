"""What the solver accepts, and how it says what it does not."""
import math

import pytest

from mmjtln.ot import sinkhorn
from tests.test_ot.problems import random_problem

GOOD = random_problem(2, 3, 4)


@pytest.mark.parametrize('change, error, text', [
    (dict(log_p=GOOD[0][0]), ValueError, 'non-empty matrix'),
    (dict(log_p=GOOD[0][:1]), ValueError, 'same samples'),
    (dict(log_p=[[0.]]), TypeError, 'floating point tensor'),
    (dict(cost=GOOD[2].t()), ValueError, r'\(3, 4\), got \(4, 3\)'),
    (dict(cost=GOOD[2].long()), TypeError, 'torch.int64'),
    (dict(cost=GOOD[2] - 1), ValueError, 'finite and non-negative'),
    (dict(cost=GOOD[2] * math.nan), ValueError, 'finite and non-negative'),
    (dict(cost=GOOD[2] + math.inf), ValueError, 'finite and non-negative'),
    (dict(reg=0), ValueError, '`reg` .* must be a number in .*got 0'),
    (dict(reg=-1.), ValueError, '`reg` .* must be a number in .*got -1.0'),
    (dict(reg=math.nan), ValueError, '`reg` .* must be a number .*got nan'),
    (dict(reg=1e300), ValueError, '`reg` .* must be a number .*got 1e\\+300'),
    (dict(reg=1e-310), ValueError, '`reg` .* must be a number .*got 1e-310'),
    (dict(reg=1e-12), ValueError, 'a billionth of the largest cost'),
    (dict(reg='0.1'), ValueError, "`reg` .* must be a number in .*got '0.1'"),
    (dict(tol=0.), ValueError, '`tol` .* must be a number in .*got 0.0'),
    (dict(tol=math.inf), ValueError, '`tol` .* must be a number in .*got inf'),
    (dict(max_iter=0), ValueError, '`max_iter` .* whole number of at least 1'),
    (dict(max_iter=1.5), ValueError, '`max_iter` .* whole number.*got 1.5'),
    (dict(max_iter=True), ValueError, '`max_iter` .* whole number.*got True'),
])
def test_bad_arguments_get_one_clear_error(change, error, text):
    """Each rule is named, with the value received."""
    arguments = dict(log_p=GOOD[0], log_q=GOOD[1], cost=GOOD[2], reg=0.1)
    with pytest.raises(error, match=text):
        sinkhorn(**{**arguments, **change})
