"""What OTLoss accepts: options, costs and logits."""
import pytest
import torch

from mmjtln.models import OTLoss

COST = torch.rand(5, 3)


@pytest.mark.parametrize('arguments, error, text', [
    (dict(reg=0), ValueError, '`reg` .* must be a number in .*got 0'),
    (dict(reg='small'), ValueError, "`reg` .* a number in .*got 'small'"),
    (dict(tol=-1e-3), ValueError, '`tol` .* must be a number in'),
    (dict(relax=-1), ValueError, '`relax` .* a number in .*got -1'),
    (dict(max_iter=0), ValueError, '`max_iter` .* whole number of at least 1'),
    (dict(grad_to='p'), ValueError, "`grad_to` of OTLoss .*'p'"),
    (dict(num_source_classes=0), ValueError, 'positive integers.*got 0 and'),
    (dict(num_target_classes=2.), ValueError, 'positive integers.*and 2.0'),
    (dict(num_source_classes=None), ValueError, 'got None and 3'),
    (dict(cost=COST.t()), ValueError, r'\(5, 3\), got \(3, 5\)'),
    (dict(cost=COST[0]), ValueError, r'matrix \(L_s, L_t\), got shape'),
    (dict(cost='cost.json'), TypeError, 'cost must be a matrix of numbers'),
])
def test_bad_options_get_one_clear_error(arguments, error, text):
    """Each rule is named, with the value received."""
    with pytest.raises(error, match=text):
        OTLoss(**{
            **dict(num_source_classes=5, num_target_classes=3), **arguments})


def test_counts_come_from_what_is_given():
    """Counts are read off the cost where it is there."""
    assert OTLoss(cost=COST, num_source_classes=5).cost.shape == (5, 3)


@pytest.mark.parametrize('source, target, error, text', [
    (torch.zeros(2, 4), torch.zeros(2, 3), ValueError, r'\(4, 3\)'),
    (torch.zeros(2, 5), torch.zeros(2, 4), ValueError, r'\(5, 4\)'),
    (torch.zeros(2, 4), torch.zeros(2).long(), ValueError, r'\(4, 3\)'),
    (torch.zeros(2, 5), torch.zeros(3).long(), ValueError, 'same samples'),
    (torch.zeros(2, 5), torch.zeros(1, 3), ValueError, 'same samples'),
    (torch.zeros(5), torch.zeros(2, 3), ValueError, 'non-empty matrix'),
    (torch.zeros(2, 5).long(), torch.zeros(2, 3), TypeError, 'floating'),
    (None, torch.zeros(2, 3), TypeError, 'floating'),
])
def test_bad_logits_get_one_clear_error(source, target, error, text):
    """Shapes are held against the cost matrix."""
    with pytest.raises(error, match=text):
        OTLoss(cost=COST)(source, target)
