"""Weights of losses over the run; a loss that is not finite, and where."""
import pytest
import torch
from mmengine.logging import MessageHub

from mmjtln.models import LossWeight
from tests.test_models.test_classifier import build, mixed_batch


@pytest.fixture
def batch():
    """Return six images, all but one with a path."""
    inputs, samples = mixed_batch()
    for i, sample in enumerate(samples):
        key, value = ('sample_idx', 5) if i == 5 else ('img_path', f'{i}.jpg')
        sample.set_field(value, key, field_type='metainfo')
    return inputs, samples


def message(model, inputs, samples) -> str:
    """Return what the error says."""
    with pytest.raises(FloatingPointError) as error:
        model.loss(inputs, samples)
    return str(error.value)


def test_one_image(tiny_model, batch):
    """Its path comes first, then the batch, each image in its domain."""
    inputs, samples = batch
    inputs[2, 0, 3, 3] = float('nan')
    said = message(build(tiny_model), inputs, samples)
    assert 'source_loss is not' in said and 'target_loss is not' not in said
    assert 'pixels are not finite on 1 source images: 2.jpg.' in said
    assert ('The batch: 3 source images: 0.jpg, 2.jpg, 4.jpg; '
            '3 target images: 1.jpg, 3.jpg, number 5.') in said


@pytest.mark.parametrize('head, terms', [
    ('head', 'target_loss and ot_loss are not'),
    ('source_head', 'source_loss and ot_loss are not')])
def test_one_head(tiny_model, batch, head, terms):
    """A network that gives NaN everywhere is told from a bad image."""
    model = build(tiny_model)
    getattr(model, head).fc.bias.data[1] = float('nan')
    said = message(model, *batch)
    assert terms in said
    assert 'outputs of the heads are not finite on any image' in said


def test_overflow_of_one_image(tiny_model, batch):
    """An image whose outputs overflow is named though its pixels are fine."""
    inputs, samples = batch
    model = build(tiny_model)
    model.backbone.norm1.register_forward_hook(
        lambda *args: args[2].index_fill(0, torch.tensor([1]), float('inf')))
    said = message(model, inputs, samples)
    assert 'heads are not finite on 1 target images: 1.jpg.' in said


def test_place(tiny_model, batch):
    """The iteration is that of the log, which counts from 1."""
    hub = MessageHub.get_current_instance()
    before = hub.runtime_info.copy()
    hub.update_info('iter', 46)
    hub.update_info('epoch', 1)
    try:
        model = build(tiny_model)
        model.head.fc.bias.data.fill_(float('nan'))
        assert 'at iteration 47 of epoch 2:' in message(model, *batch)
    finally:
        hub.runtime_info.clear()
        hub.runtime_info.update(before)


def test_sound_losses_pass(tiny_model, batch):
    """Nothing is raised, also with a term switched off."""
    for options in ({}, dict(ot_loss=None), dict(lambda_ot=0., lambda_s=0.)):
        assert build(dict(tiny_model), **options).loss(*batch)


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
