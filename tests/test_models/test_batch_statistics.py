"""Batch normalization under a batch of two domains."""
import pytest
import torch
from mmengine.dist import is_distributed
from mmengine.model import MMDistributedDataParallel
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.nn.modules.batchnorm import _BatchNorm

from mmjtln.heads.logits import join_rows
from mmjtln.models.batch_statistics import running_statistics_kept


def batch(domains='stststss', size=32):
    """Return random images, of domains unlike each other, and samples."""
    torch.manual_seed(1)
    images, samples = torch.randn(len(domains), 3, size, size), []
    for row, letter in enumerate(domains):
        domain = dict(s='source', t='target')[letter]
        if domain == 'source':
            images[row] = 3 * images[row] + 2
        sample = DataSample().set_gt_label(row % 5)
        sample.set_field(domain, 'domain', field_type='metainfo')
        samples.append(sample)
    return images, samples


@pytest.fixture(params=['BN', 'SyncBN'])
def cfg(request, tiny_model):
    """Return the config of the small model with batch normalization."""
    tiny_model['backbone']['norm_cfg'] = dict(type=request.param)
    return dict(tiny_model, batch_statistics='domain')


def build(cfg):
    """Build a model in training mode with a cost matrix."""
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.ot_loss.set_cost(torch.rand(10, 10))
    return model.train()


def stock(cfg, model, head):
    """Build the stock classifier with the weights of one of the heads."""
    classifier = MODELS.build(
        dict(type='ImageClassifier',
             **{key: cfg[key] for key in ('backbone', 'neck', 'head')}))
    classifier.backbone.load_state_dict(model.backbone.state_dict())
    classifier.head.load_state_dict(head.state_dict())
    return classifier.train()


def statistics(model):
    """Return the running statistics of a model's backbone."""
    return {name: value.clone()
            for name, value in model.backbone.named_buffers()}


def assert_same(one, other):
    """Compare two dicts of tensors."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], msg=name)


def test_each_domain_trains_as_if_alone(cfg):
    """Losses are those of two stock classifiers on their own images.

    The running statistics are the target's, update for update.
    """
    model = build(cfg)
    images, samples = batch()
    rows = {domain: [i for i, sample in enumerate(samples)
                     if sample.domain == domain]
            for domain in ('source', 'target')}
    expected = {}
    for domain, head in (('source', model.source_head),
                         ('target', model.head)):
        alone = stock(cfg, model, head)
        expected[domain] = alone.loss(
            images[rows[domain]], [samples[i] for i in rows[domain]])['loss']
        if domain == 'target':
            after = statistics(alone)
    losses = model.loss(images, samples)
    for domain, loss in expected.items():
        torch.testing.assert_close(losses[f'{domain}_loss'], loss)
    assert_same(statistics(model), after)


def test_a_head_with_several_outputs():
    """Conformer's two come back in the order of the batch."""
    torch.manual_seed(0)
    one, other = (torch.rand(2, 3), torch.rand(2, 3)), (
        torch.rand(3, 3), torch.rand(3, 3))
    rows = torch.tensor([4, 1]), torch.tensor([0, 2, 3])
    joined = join_rows(one, other, torch.cat(rows).argsort())
    for part, whole in zip((one, other), rows, strict=True):
        for tensor, output in zip(part, joined, strict=True):
            assert torch.equal(output[whole], tensor)


def test_mixed_statistics(cfg):
    """The other option normalises all images together."""
    cfg['batch_statistics'] = 'mixed'
    model = build(cfg)
    images, samples = batch()
    together = stock(cfg, model, model.head)
    with torch.no_grad():
        logits = together(images, mode='tensor')[1::2][:3]
    loss = torch.nn.functional.cross_entropy(
        logits, torch.tensor([sample.gt_label.item()
                              for sample in samples[1:6:2]]))
    torch.testing.assert_close(
        model.loss(images, samples)['target_loss'], loss)
    assert_same(statistics(model), statistics(together))


@pytest.mark.parametrize('domains', ['sssst', 'stttt'])
def test_one_image_of_a_domain(cfg, domains):
    """A single image is normalised with the others, and leaves no trace.

    At 32 pixels the last map is one cell: alone, torch would refuse it.
    """
    model = build(cfg)
    before = statistics(model)
    losses = model.loss(*batch(domains))
    assert all(losses[f'{name}_loss'].isfinite()
               for name in ('target', 'source', 'ot'))
    assert_same(statistics(model), before)


def test_frozen_batch_normalization_needs_one_pass(cfg):
    """Layers that use their running statistics see no batch."""
    cfg['backbone']['norm_eval'] = True
    model = build(cfg)
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    before = statistics(model)
    model.loss(*batch())
    assert len(calls) == 1
    assert_same(statistics(model), before)


def test_checkpointed_activations(cfg):
    """Layers that run again in the backward pass give the same gradients."""
    model = build(cfg)
    plain = build(cfg)
    for layer in model.modules():
        if hasattr(layer, 'with_cp'):
            layer.with_cp = True
    for each in (model, plain):
        each.parse_losses(each.loss(*batch()))[0].backward()
    for one, other in zip(model.parameters(), plain.parameters(),
                          strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_kept_statistics_come_back_after_an_error(cfg):
    """An error inside leaves the layers as they were."""
    model = build(cfg)
    with pytest.raises(KeyError), running_statistics_kept(model):
        raise KeyError
    assert all(layer.track_running_stats for layer in model.modules()
               if isinstance(layer, _BatchNorm))


def test_distributed_wrapper(tiny_model, tmp_path):
    """Two passes stand in one wrapped step: every gradient is there."""
    tiny_model['backbone']['norm_cfg'] = dict(type='BN')
    model = build(dict(tiny_model, batch_statistics='domain'))
    plain = build(dict(tiny_model, batch_statistics='domain'))
    assert not is_distributed()
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        wrapped = MMDistributedDataParallel(model, broadcast_buffers=True)
        for each in (wrapped, plain):
            images, samples = batch()
            losses = each(images, samples, mode='loss')
            plain.parse_losses(losses)[0].backward()
    finally:
        torch.distributed.destroy_process_group()
    for one, other in zip(model.parameters(), plain.parameters(),
                          strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    assert_same(statistics(model), statistics(plain))
