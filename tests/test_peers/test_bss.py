"""BSS: the smallest squared singular value of the features, any network."""
import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmjtln.comparison import Method
from mmjtln.comparison.method_config import method_config
from mmjtln.peers.bss import batch_spectral_shrinkage
from tests.test_resume.test_exact_resume import go


@pytest.mark.parametrize('shape', [(4, 7), (7, 4)])
def test_value_and_gradient_are_those_of_the_eigenvalues(shape):
    """Squared singular values are eigenvalues of the smaller Gram matrix."""
    torch.manual_seed(0)
    features = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    found = batch_spectral_shrinkage(features)
    gram = (features @ features.t() if shape[0] < shape[1]
            else features.t() @ features)
    expected = torch.linalg.eigvalsh(gram)[0]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(term, features, retain_graph=True)[0]
          for term in (found, expected)))


def test_half_precision_is_computed_in_single():
    features = torch.randn(4, 6).bfloat16().requires_grad_()
    value = batch_spectral_shrinkage(features)
    assert value.dtype == torch.float32
    value.backward()
    assert features.grad.isfinite().all()


def test_a_repeated_image_has_nothing_to_shrink():
    features = torch.ones(3, 5, requires_grad=True)
    value = batch_spectral_shrinkage(features)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-9)
    assert features.grad.abs().max() < 1e-5


GAP = dict(type='GlobalAveragePooling')
THIN = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8,
            norm_cfg=dict(type='GN', num_groups=4))
NETWORKS = {
    'linear': dict(backbone=THIN, neck=GAP, head=dict(
        type='LinearClsHead', num_classes=4, in_channels=64)),
    'stacked': dict(backbone=THIN, neck=GAP, head=dict(
        type='StackedLinearClsHead', num_classes=4, in_channels=64,
        mid_channels=[16])),
    'transformer': dict(
        backbone=dict(
            type='VisionTransformer', img_size=32, patch_size=16,
            arch=dict(embed_dims=16, num_layers=1, num_heads=2,
                      feedforward_channels=16)),
        head=dict(type='VisionTransformerClsHead', num_classes=4,
                  in_channels=16)),
    'in the backbone': dict(
        backbone=dict(type='LeNet5', num_classes=4),
        head=dict(type='ClsHead')),
}


@pytest.mark.parametrize('name', NETWORKS)
def test_losses_are_the_stock_ones_and_the_term(name):
    """With the features before the last linear layer, whatever the network."""
    torch.manual_seed(0)
    stock = MODELS.build(dict(type='ImageClassifier', **NETWORKS[name]))
    model = MODELS.build(
        dict(type='mmjtln.BSSClassifier', eta=0.5, **NETWORKS[name]))
    model.load_state_dict(stock.state_dict())
    inputs = torch.randn(3, 1 if 'backbone' in name else 3, 32, 32)
    samples = [DataSample().set_gt_label(i) for i in (0, 3, 1)]
    for each in (stock, model):
        each.eval()
    losses = model.loss(inputs, samples)
    expected = stock.loss(inputs, samples)
    assert losses.pop('bss_loss').item() == pytest.approx(
        0.5 * torch.linalg.svdvals(_features(stock, name, inputs))[-1]
        .item()**2, rel=1e-4)
    assert losses.keys() == expected.keys()
    torch.testing.assert_close(losses['loss'], expected['loss'])


def _features(model, name, inputs):
    feats = model.extract_feat(inputs)
    if name == 'in the backbone':
        kept = model.backbone
        return F.tanh(kept.classifier[0](kept.features(inputs).flatten(1)))
    if name == 'transformer':
        return model.head.pre_logits(feats)
    if name == 'stacked':
        return model.head.layers[0](feats[-1])
    return feats[-1]


def test_resumed_run_ends_the_same(tiny_run):
    cfg = method_config(
        tiny_run, Method('it', 'target'),
        {'model.type': 'mmjtln.BSSClassifier'}, 0, None, None)
    peace = go(cfg, 'peace')
    assert len(peace.message_hub.log_scalars['train/bss_loss'].data[0]) == 6
    go(cfg, 'stopped', step=4)
    found = go(cfg, 'stopped', resume=True).model.state_dict()
    for key, value in peace.model.state_dict().items():
        assert torch.equal(found[key], value), key


def test_bad_weight_is_refused():
    with pytest.raises(ValueError, match='eta.*BSSClass'):
        MODELS.build(dict(
            type='mmjtln.BSSClassifier', **NETWORKS['linear'], eta=-1.))


def test_checkpoints_are_those_of_a_stock_classifier():
    ours, stock = (MODELS.build(dict(type=kind, **NETWORKS['linear']))
                   for kind in ('mmjtln.BSSClassifier', 'ImageClassifier'))
    assert ours.state_dict().keys() == stock.state_dict().keys()
