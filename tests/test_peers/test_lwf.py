"""LwF: its loss, the start it remembers, resuming and source-free batches."""
import copy

import pytest
import torch
from mmengine.runner import Runner
from mmpretrain.registry import MODELS

from mmjtln.export.stock_model import stock_model
from mmjtln.peers.lwf import distillation
from tests.test_models.test_classifier import mixed_batch
from tests.test_resume.test_exact_resume import go


def test_distillation_is_the_kl_divergence():
    """Mean over images of sum_i p0_i log(p0_i / p_i), both at T."""
    torch.manual_seed(0)
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    recorded = 3 * torch.randn(3, 5, dtype=torch.float64)
    p, p0 = (z.div(3.).softmax(dim=1) for z in (logits, recorded))
    expected = (p0 * (p0 / p).log()).sum() / 3
    found = distillation(logits, recorded)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(
        torch.autograd.grad(term, logits, retain_graph=True)[0]
        for term in (found, expected)))


@pytest.fixture
def model(tiny_model):
    """Return a model of 7 source and 5 target classes."""
    torch.manual_seed(0)
    tiny_model['head']['num_classes'] = 5
    tiny_model.update(type='mmjtln.LwFClassifier', lambda_s=0.,
                      source_head=dict(num_classes=7))
    model = MODELS.build(tiny_model)
    model.init_weights()
    return model.train()


def test_losses_match_a_plain_reference(model):
    """Of target images alone, against the outputs before the first step."""
    inputs, samples = mixed_batch()
    before = copy.deepcopy(model).eval()
    losses = model.loss(inputs, samples)
    assert losses['lwf_loss'].item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for parameter in (*model.backbone.parameters(),
                          *model.source_head.parameters()):
            parameter += 0.05 * torch.randn_like(parameter)
    losses = model.loss(inputs, samples)
    assert set(losses) == {'target_loss', 'lwf_loss'}
    images = inputs[1::2]
    labels = torch.tensor([int(sample.gt_label) for sample in samples[1::2]])
    feats = model.extract_feat(images)
    target = torch.nn.functional.cross_entropy(model.head(feats), labels)
    torch.testing.assert_close(losses['target_loss'], target)
    p0 = before.source_head(before.extract_feat(images)).div(3).softmax(1)
    p = model.source_head(feats).div(3).softmax(dim=1)
    expected = 4 * (p0 * (p0 / p).log()).sum(dim=1).mean()
    assert expected > 1e-3
    torch.testing.assert_close(losses['lwf_loss'], expected,
                               rtol=1e-4, atol=1e-6)
    # Source images are left out.
    alone = model.loss(images, samples[1::2])
    torch.testing.assert_close(alone['lwf_loss'], losses['lwf_loss'])


def test_the_start_gets_no_gradient(model):
    inputs, samples = mixed_batch()
    sum(model.loss(inputs, samples).values()).backward()
    assert all(parameter.grad is None
               for parameter in model.teacher.parameters())
    assert model.source_head.fc.weight.grad is not None
    assert not model.teacher.training and model.backbone.training


def test_resumed_run_remembers_the_same_start(tiny_run):
    """Not the checkpoint's weights: it ends with the same bits."""
    tiny_run.model.update(type='mmjtln.LwFClassifier', lambda_s=0.)
    tiny_run.custom_hooks = [dict(type='mmjtln.ClassCheckHook')]
    peace = go(tiny_run, 'peace')
    go(tiny_run, 'stopped', step=4)
    found = go(tiny_run, 'stopped', resume=True).model.state_dict()
    for key, value in peace.model.state_dict().items():
        assert torch.equal(found[key], value), key
    assert not torch.equal(found['teacher.head.fc.weight'],
                           found['source_head.fc.weight'])


def test_an_ot_loss_is_refused_not_dropped(tiny_run):
    tiny_run.model.update(type='mmjtln.LwFClassifier', ot_loss=dict(reg=0.1))
    with pytest.raises(ValueError, match='no OT loss'):
        Runner.from_cfg(tiny_run)


def test_a_bad_weight_is_refused(tiny_run):
    tiny_run.model.update(type='mmjtln.LwFClassifier', weight=-1.)
    with pytest.raises(ValueError, match='weight. of LwF'):
        Runner.from_cfg(tiny_run)


@pytest.mark.parametrize('domain', ['target', 'source'])
def test_either_head_becomes_a_stock_classifier(model, tiny_model, domain):
    """Neither options nor the copy of the start go with it."""
    images = torch.randn(2, 3, 32, 32)
    cfg, state = stock_model(tiny_model, model, domain, images)
    stock = MODELS.build(cfg)
    stock.load_state_dict(state)
    model.eval()
    head = dict(target=model.head, source=model.source_head)[domain]
    torch.testing.assert_close(
        stock.eval()(images), head(model.extract_feat(images)))
