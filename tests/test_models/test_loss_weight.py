"""LossWeight: nothing before it begins, and what it refuses."""
import pytest
from mmengine.logging import MessageHub

from mmjtln.models import LossWeight
from tests.test_models.test_classifier import build, mixed_batch


@pytest.fixture
def hub():
    """Return the message hub of no run, and clear it after."""
    hub = MessageHub.get_current_instance()
    hub.runtime_info.clear()
    yield hub
    hub.runtime_info.clear()


def test_the_ot_term_begins_in_the_middle_of_a_run(tiny_model, hub):
    model = build(tiny_model, lambda_ot=dict(value=2., begin=0.5))
    hub.update_info('max_iters', 100)
    hub.update_info('iter', 49)
    off = model.loss(*mixed_batch())
    assert off['ot_loss'] == off['ot_cost'] == off['ot_error'] == 0
    hub.update_info('iter', 50)
    on = model.loss(*mixed_batch())['ot_loss']
    hub.runtime_info.clear()
    alone = model.loss(*mixed_batch())['ot_loss']
    assert on.item() == pytest.approx(alone.item(), rel=1e-5)
    model.lambda_ot = LossWeight(1.)
    half = model.loss(*mixed_batch())['ot_loss']
    assert on.item() == pytest.approx(2 * half.item(), rel=1e-5)


@pytest.mark.parametrize('begin', [0., 0.1, 1 / 3, 0.7, 1.])
@pytest.mark.parametrize('length', [1, 3, 10, 30])
def test_the_first_iteration_is_that_of_the_first_weight(hub, begin, length):
    weight = LossWeight(2., begin)
    hub.update_info('max_iters', length)
    first = weight.first_iter()
    for done in range(length):
        hub.update_info('iter', done)
        assert weight() == (2. if done >= first else 0.)


@pytest.mark.parametrize('cfg', [
    -1., float('nan'), '0.5', True, dict(value=1., begin='0.2'),
    dict(value=1., begin=2), dict(value=1., begin=-0.1)])
def test_bad_weight_names_where_it_stands(tiny_model, cfg):
    with pytest.raises(ValueError, match='model.lambda_s.* must be a number'):
        build(tiny_model, lambda_s=cfg)
