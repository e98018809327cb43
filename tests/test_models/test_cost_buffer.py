"""The cost matrix and class lists of OTLoss as state, and averaging."""
import copy

import numpy as np
import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from torch import nn

from mmjtln.models import OTLoss
from mmjtln.registry import MODELS

NAMES = ('cat', 'dog', 'Zürich', '猫', 'a "b"')


def build(**kwargs):
    """An OTLoss of 5 by 3 classes, from a config."""
    return MODELS.build(
        dict(type='OTLoss', **{**dict(num_source=5, num_target=3), **kwargs}))


def test_cost_can_be_set_later():
    """Until then it is unset and says how to set it."""
    loss = build()
    assert not loss.has_cost and loss.cost.isnan().all()
    with pytest.raises(RuntimeError, match=r'must be set.*set_cost'):
        loss(torch.zeros(2, 5), torch.zeros(2, 3))
    buffer = loss.cost
    loss.set_cost(np.eye(5, 3), NAMES, NAMES[:3])
    assert loss.has_cost and loss.cost is buffer
    assert loss.source_classes == NAMES
    assert loss.target_classes == NAMES[:3]
    assert loss(torch.zeros(2, 5), torch.zeros(2, 3)).isfinite()
    loss.set_cost(torch.ones(5, 3), target_classes=['x', 'y', 'z'])
    assert loss.source_classes == NAMES
    assert loss.target_classes == ('x', 'y', 'z')
    loss.set_classes(None, NAMES[:3])
    assert loss.source_classes is None


def test_state_goes_through_a_file(tmp_path):
    """Cost and class lists travel in a weights-only checkpoint."""
    loss = build(cost=torch.rand(5, 3), source_classes=NAMES,
                 target_classes=NAMES[:3])
    assert all(torch.is_tensor(value) for value in loss.state_dict().values())
    torch.save(loss.state_dict(), tmp_path / 'loss.pth')
    other = build()
    other.load_state_dict(
        torch.load(tmp_path / 'loss.pth', weights_only=True))
    assert torch.equal(other.cost, loss.cost)
    assert other.source_classes == NAMES
    assert other.target_classes == NAMES[:3]


def test_class_lists_of_any_length_load():
    """Names longer than the room kept for them travel as well."""
    names = tuple(f'{name} {"long " * 60}' for name in NAMES)
    loss = build(source_classes=names)
    assert loss.source_classes == names
    other = build()
    assert len(other.class_lists) < len(loss.class_lists)
    other.load_state_dict(loss.state_dict())
    assert other.source_classes == names
    loss.load_state_dict(build(source_classes=NAMES).state_dict())
    assert loss.source_classes == NAMES


def test_a_cost_of_another_shape_does_not_load():
    """Both shapes are named, whatever the loader does with strictness."""
    state = nn.ModuleDict(dict(ot_loss=build(cost=torch.rand(5, 3))))
    other = nn.ModuleDict(dict(ot_loss=OTLoss(num_source=4, num_target=3)))
    for strict in (True, False):
        with pytest.raises(ValueError,
                           match=r'ot_loss\.cost.*\(4, 3\), got \(5, 3\)'):
            other.load_state_dict(state.state_dict(), strict=strict)


def test_corrupt_class_lists_say_so():
    """Bytes that are no JSON are an error when the names are asked."""
    loss = build()
    loss.class_lists.fill_(255)
    with pytest.raises(RuntimeError, match='must be UTF-8 JSON'):
        loss.source_classes  # noqa: B018


@pytest.mark.parametrize('update_buffers', [False, True])
@pytest.mark.parametrize('when', ['before', 'after'])
def test_averaged_models(update_buffers, when):
    """EMA carries cost and class lists, set before or after it is made."""
    model = nn.Sequential(nn.Linear(2, 2), build())
    given = torch.rand(5, 3), NAMES, NAMES[:3]
    if when == 'before':
        model[1].set_cost(*given)
    ema = ExponentialMovingAverage(
        model, momentum=0.1, update_buffers=update_buffers)
    if when == 'after':
        model[1].set_cost(*given)
    for _ in range(3):
        with torch.no_grad():
            model[0].weight.add_(1)
        ema.update_parameters(model)
    averaged = ema.module[1]
    torch.testing.assert_close(averaged.cost, given[0])
    assert averaged.source_classes == NAMES
    averaged(torch.zeros(2, 5), torch.zeros(2, 3))
    copy.deepcopy(model).load_state_dict(ema.module.state_dict())
