"""JTLNClassifier: its three losses, its options, its errors."""
import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmjtln.ot import sinkhorn

COST = torch.rand(7, 5, generator=torch.Generator().manual_seed(1))


def build(cfg: dict, **options):
    """Build a model of 7 source and 5 target classes with a cost matrix."""
    torch.manual_seed(0)
    cfg['head']['num_classes'] = 5
    cfg['source_head'] = dict(num_classes=7)
    cfg.update(options)
    model = MODELS.build(cfg)
    model.init_weights()
    if model.ot_loss is not None:
        model.ot_loss.set_cost(COST)
    return model


def mixed_batch():
    """Return six images, source and target in turn, and their samples."""
    torch.manual_seed(2)
    samples = []
    for i in range(6):
        domain = ('source', 'target')[i % 2]
        sample = DataSample().set_gt_label((i * 3) % 5)
        sample.set_field(domain, 'domain', field_type='metainfo')
        samples.append(sample)
    return torch.randn(6, 3, 32, 32), samples


def reference_losses(model, inputs, samples, images, label, grad_to):
    """Compute the objective of Lu et al. 2017 in plain float64 torch."""
    feats = model.extract_feat(inputs)
    s, t = model.source_head(feats).double(), model.head(feats).double()
    labels = torch.tensor([int(x.gt_label) for x in samples])
    is_source = torch.arange(6) % 2 == 0
    target = F.cross_entropy(t[~is_source], labels[~is_source])
    source = F.cross_entropy(s[is_source], labels[is_source])
    chosen = {
        'source': is_source,
        'target': ~is_source,
        'both': torch.ones(6, dtype=torch.bool)
    }[images]
    log_p, log_q = s.log_softmax(1), t.log_softmax(1)
    if label:
        one_hot = F.one_hot(labels, 7).double().log()
        log_p = torch.where(is_source[:, None], one_hot, log_p)
        one_hot = F.one_hot(labels, 7)[:, :5].double().log()
        log_q = torch.where(is_source[:, None], log_q, one_hot)
    if grad_to == 'source':
        log_q = log_q.detach()
    if grad_to == 'target':
        log_p = log_p.detach()
    log_p, log_q = log_p[chosen], log_q[chosen]
    # Differentiate through a long, plain log-domain Sinkhorn iteration.
    kernel, g = -COST.double() / 0.1, torch.zeros_like(log_q)
    for _ in range(400):
        f = log_p - (kernel + g[:, None]).logsumexp(2)
        g = log_q - (kernel + f[:, :, None]).logsumexp(1)
    log_plan = f[:, :, None] + g[:, None] + kernel
    plan = log_plan.exp()
    entropy_term = torch.where(plan > 0, plan * (log_plan - 1), 0).sum((1, 2))
    cost = (plan * COST).sum((1, 2))
    return target, source, (cost + 0.1 * entropy_term).mean(), cost.mean()


@pytest.mark.parametrize('images', ['target', 'source', 'both'])
@pytest.mark.parametrize('label', [False, True])
def test_losses_match_a_plain_reference(tiny_model, images, label):
    """The three losses and <G, C> are those of the objective, written out."""
    grad_to = 'target' if images == 'source' else 'source'
    model = build(
        tiny_model,
        ot_images=images,
        own_marginal='label' if label else 'prediction',
        ot_loss=dict(type='mmjtln.OTLoss', tol=1e-6, grad_to=grad_to),
        lambda_s=0.5,
        lambda_ot=2.0)
    inputs, samples = mixed_batch()
    target, source, ot, cost = reference_losses(model, inputs, samples, images,
                                                label, grad_to)
    losses = model.loss(inputs, samples)
    assert set(losses) == {
        'target_loss', 'source_loss', 'ot_loss', 'ot_cost', 'ot_error'
    }
    assert losses['target_loss'].item() == pytest.approx(target.item(), 1e-5)
    assert losses['source_loss'].item() == pytest.approx(
        0.5 * source.item(), 1e-5)
    assert losses['ot_loss'].item() == pytest.approx(2 * ot.item(), rel=1e-4)
    assert losses['ot_cost'].item() == pytest.approx(cost.item(), rel=1e-4)


@pytest.mark.parametrize('grad_to', ['source', 'target', 'both'])
def test_gradient_of_the_ot_term_matches_a_plain_reference(
        tiny_model, grad_to):
    """The OT term alone moves backbone and heads as the unrolled one does."""
    model = build(
        tiny_model,
        ot_loss=dict(type='mmjtln.OTLoss', tol=1e-6, grad_to=grad_to)).double()
    inputs, samples = mixed_batch()
    inputs = inputs.double()
    names, params = zip(*model.named_parameters(), strict=True)
    *_, expected, _ = reference_losses(model, inputs, samples, 'target', False,
                                       grad_to)
    expected = torch.autograd.grad(expected, params, allow_unused=True)
    found = torch.autograd.grad(
        model.loss(inputs, samples)['ot_loss'], params, allow_unused=True)
    for name, one, other in zip(names, found, expected, strict=True):
        if other is None:
            assert one is None or not one.any(), name
        else:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
    reached = {n for n, g in zip(names, found, strict=True) if g is not None}
    assert any(n.startswith('backbone') for n in reached)
    assert ('source_head.fc.weight' in reached) == (grad_to != 'target')
    assert ('head.fc.weight' in reached) == (grad_to != 'source')


@pytest.mark.parametrize('images', ['target', 'source', 'both'])
@pytest.mark.parametrize('grad_to', ['source', 'target', 'both'])
def test_every_parameter_gets_a_gradient(tiny_model, images, grad_to):
    """DDP need not search for unused parameters, whatever the options."""
    model = build(
        tiny_model,
        ot_images=images,
        ot_loss=dict(type='mmjtln.OTLoss', grad_to=grad_to))
    loss, _ = model.parse_losses(model.loss(*mixed_batch()))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_one_forward_pass_a_step(tiny_model):
    """Backbone, neck and each head run once on the mixed batch."""
    model = build(tiny_model)
    calls = []
    for name in ('backbone', 'neck', 'head', 'source_head'):
        getattr(model, name).register_forward_hook(
            lambda *_, name=name: calls.append(name))
    model.loss(*mixed_batch())
    assert sorted(calls) == ['backbone', 'head', 'neck', 'source_head']


def test_source_head_is_a_copy_of_head(tiny_model):
    """Only what `source_head` names differs from `head`."""
    tiny_model['head'].update(
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1), topk=(1, 2))
    model = build(tiny_model)
    assert model.source_head.fc.out_features == 7
    assert model.head.fc.out_features == 5
    assert type(model.source_head.loss_module) is type(model.head.loss_module)
    assert model.source_head.topk == (1, 2)
    assert model.source_head.fc.weight.data_ptr() != \
        model.head.fc.weight.data_ptr()


def test_stock_checkpoint_is_a_part_of_ours(tiny_model):
    """The state dict is a stock classifier's plus two prefixes."""
    model = build(tiny_model)
    stock = dict(tiny_model, type='ImageClassifier')
    del stock['source_head']
    extra = set(model.state_dict()) - set(MODELS.build(stock).state_dict())
    assert all(k.startswith(('source_head.', 'ot_loss.')) for k in extra)


def test_predict_routes_by_domain(tiny_model):
    """Source samples are judged by the source head, all others as stock."""
    model = build(tiny_model).eval()
    inputs, samples = mixed_batch()
    feats = model.extract_feat(inputs)
    expected = {
        'target': model.head(feats).softmax(1),
        'source': model.source_head(feats).softmax(1)
    }
    for row, sample in enumerate(model.predict(inputs, samples)):
        torch.testing.assert_close(sample.pred_score,
                                   expected[sample.domain][row])
        assert int(sample.pred_label) == int(
            expected[sample.domain][row].argmax())
    for row, sample in enumerate(model.predict(inputs)):
        torch.testing.assert_close(sample.pred_score, expected['target'][row])
    sources = [s for s in samples if s.domain == 'source']
    for row, sample in enumerate(model.predict(inputs[::2], sources)):
        torch.testing.assert_close(sample.pred_score,
                                   expected['source'][2 * row])


def test_train_accuracy_when_asked(tiny_model):
    """`head.cal_acc` logs the accuracy of each domain under its name."""
    tiny_model['head']['cal_acc'] = True
    losses = build(tiny_model).loss(*mixed_batch())
    assert {'target_accuracy_top-1', 'source_accuracy_top-1'} <= set(losses)


def test_soft_labels_are_marginals(tiny_model):
    """A mixed-up label is taken as the marginal it is."""
    model = build(tiny_model, own_marginal='label')
    inputs, samples = mixed_batch()
    for sample in samples:
        classes = 7 if sample.domain == 'source' else 5
        score = F.one_hot(sample.gt_label[0], classes) * 0.7
        sample.set_gt_score(score + 0.3 / classes)
    scores = torch.stack(
        [s.gt_score for s in samples if s.domain == 'target'])
    log_p = model.source_head(model.extract_feat(inputs))[1::2].log_softmax(1)
    expected = sinkhorn(
        log_p, scores.log(), COST, reg=0.1,
        tol=1e-6).transport_cost().mean()
    found = model.loss(inputs, samples)['ot_cost']
    assert found.item() == pytest.approx(expected.item(), rel=1e-3)


@pytest.mark.parametrize('change, error, message', [
    (dict(source_head=None), ValueError, 'model.source_head.num_classes'),
    (dict(source_head=dict(topk=(1, ))), None, None),
    (dict(source_head=dict(num_classes=0)), ValueError, 'source_head'),
    (dict(source_head=dict(num_classes=True)), ValueError, 'got True'),
    (dict(ot_loss=dict(num_source_classes=3)), ValueError,
     'model.ot_loss. names .*num_source_classes'),
    (dict(ot_loss=dict(num_source=3)), TypeError, 'OTLoss.*num_source'),
    (dict(head=None), ValueError, 'model.head.num_classes'),
    (dict(ot_images='all'), ValueError, 'ot_images'),
    (dict(own_marginal='labels'), ValueError, 'own_marginal'),
    (dict(ot_loss=dict(type='mmjtln.OTLoss', reg=0.)), ValueError, 'reg'),
    (dict(
        own_marginal='label',
        ot_images='source'), ValueError, 'would train nothing'),
    (dict(
        head=dict(type='ArcFaceClsHead', num_classes=5, in_channels=64)),
     TypeError, 'margin'),
    (dict(
        head=dict(
            type='MultiLabelLinearClsHead', num_classes=5, in_channels=64)),
     TypeError, 'single-label'),
    (dict(head=dict(type='MAEPretrainHead', num_classes=5)), TypeError,
     'self-supervised'),
    (dict(head=dict(type='LinearHead', num_classes=5)), ValueError,
     'model.head.type.*LinearClsHead'),
    (dict(backbone=dict(type='ResNett')), ValueError,
     'model.backbone.type.*near it.*ResNet'),
    (dict(head=dict(type='ClsHead', num_classes=5)), TypeError, 'ClsHead'),
])
def test_bad_config(tiny_model, change, error, message):
    """Each bad option is one error that names its place in the config."""
    tiny_model.update(change)
    if error is None:  # Other keys of the source head may be overridden.
        assert MODELS.build(tiny_model).source_head.topk == (1, )
        return
    with pytest.raises(error, match=message):
        MODELS.build(tiny_model)


def test_batch_of_one_domain(tiny_model):
    """A batch that lacks a domain is refused with the sampler's name."""
    inputs, samples = mixed_batch()
    with pytest.raises(ValueError, match='JointSampler'):
        build(tiny_model).loss(inputs[::2], samples[::2])


def test_cost_not_set(tiny_model):
    """Training without a cost matrix says how to set one."""
    model = build(tiny_model)
    model.ot_loss.cost.fill_(float('nan'))
    with pytest.raises(RuntimeError, match='cost'):
        model.loss(*mixed_batch())


@pytest.mark.parametrize('loss, name', [
    (dict(type='FocalLoss'), 'FocalLoss'),
    (dict(type='AsymmetricLoss'), 'AsymmetricLoss'),
    (dict(type='CrossEntropyLoss', use_sigmoid=True), 'CrossEntropyLoss'),
    (dict(type='LabelSmoothLoss', label_smooth_val=0.1, num_classes=10,
          mode='multi_label'), 'LabelSmoothLoss')])
def test_losses_without_a_softmax_are_refused(tiny_model, loss, name):
    """Transport is between distributions over classes."""
    tiny_model['head']['loss'] = loss
    with pytest.raises(ValueError, match=f'of `model.head`, {name}'):
        MODELS.build(tiny_model)
