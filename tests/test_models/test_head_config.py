"""Every kind of single-label head trains, on features it was made for."""
import pytest
import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from mmjtln.registry import MODELS as OUR_MODELS


@OUR_MODELS.register_module(force=True)
class FeatureBackbone(nn.Module):
    """Gives features in the form that a kind of head expects."""

    def __init__(self, form: str):
        super().__init__()
        self.linear = nn.Linear(12, 8)
        self.form = form

    def forward(self, x):
        """Map images (N, 3, 2, 2) to features."""
        feat = self.linear(x.flatten(1))
        return {
            'plain': (feat, ),
            'pair': ([feat, 2 * feat], ),
            'tokens': ([None, feat, 2 * feat], ),
        }[self.form]


KINDS = {
    'linear': ('plain', dict(type='LinearClsHead', in_channels=8)),
    'stacked': ('plain', dict(
        type='StackedLinearClsHead', in_channels=8, mid_channels=[6, 4])),
    'transformer': ('plain', dict(
        type='VisionTransformerClsHead', in_channels=8, hidden_dim=6)),
    'vig': ('plain', dict(type='VigClsHead', in_channels=8, hidden_dim=6)),
    'two outputs': ('pair', dict(type='ConformerHead', in_channels=[8, 8])),
    'distilled, two tokens': ('tokens', dict(
        type='DeiTClsHead', in_channels=8)),
    'distilled, refuses training': ('plain', dict(
        type='LeViTClsHead', in_channels=8, distillation=True)),
    'distilled, refuses its loss': ('plain', dict(
        type='EfficientFormerClsHead', in_channels=8, distillation=True)),
}


def batch():
    """Return two random images a domain with their labels."""
    samples = []
    for row, domain in enumerate(('source', 'target') * 2):
        sample = DataSample().set_gt_label(row)
        sample.set_field(domain, 'domain', field_type='metainfo')
        samples.append(sample)
    return torch.rand(4, 3, 2, 2), samples


def build(form, head, **source):
    """Build a model of 7 source and 5 target classes on such features."""
    model = MODELS.build(
        dict(
            type='mmjtln.JTLNClassifier',
            backbone=dict(type='mmjtln.FeatureBackbone', form=form),
            head=dict(num_classes=5, **head),
            source_head=dict(num_classes=7) | source))
    model.ot_loss.set_cost(torch.rand(model.ot_loss.cost.shape))
    return model


@pytest.mark.parametrize('kind', KINDS)
def test_kind_of_head(kind):
    """Losses are finite, every head parameter learns, both predict."""
    torch.manual_seed(0)
    model = build(*KINDS[kind]).train()
    images, samples = batch()
    losses = model.loss(images, samples)
    total = model.parse_losses(losses)[0]
    assert total.isfinite()
    total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    assert model.head.training
    model.eval()
    with torch.no_grad():
        predicted = model.predict(images, samples)
    assert [len(p.pred_score) for p in predicted] == [7, 5, 7, 5]
    # The loss is that of what the model predicts.
    if kind != 'two outputs' and not any(
            isinstance(m, nn.BatchNorm1d) for m in model.modules()):
        expected = -torch.stack([
            p.pred_score[p.gt_label[0]].log() for p in predicted[1::2]]).mean()
        torch.testing.assert_close(
            losses['target_loss'].detach(), expected.detach())


def test_batch_norm_of_a_distilled_head_learns_statistics():
    """Only the head's own flag is lowered, and only for the forward pass."""
    model = build(*KINDS['distilled, refuses training']).train()
    before = model.head.head.bn.running_mean.clone()
    model.loss(*batch())
    assert not torch.equal(model.head.head.bn.running_mean, before)
    assert model.head.head.bn.training


def test_loss_knows_the_classes_of_its_head():
    """A class count inside the loss follows that of the head, per domain."""
    loss = dict(type='LabelSmoothLoss', label_smooth_val=0.1, num_classes=1000)
    model = build(
        'plain', dict(type='LinearClsHead', in_channels=8, loss=loss))
    assert model.head.loss_module.num_classes == 5
    assert model.source_head.loss_module.num_classes == 7
    assert loss['num_classes'] == 1000
    assert model.parse_losses(model.loss(*batch()))[0].isfinite()


def test_class_weights_are_those_of_their_head():
    """Weights of the target's classes do not weigh the source's."""
    weights = [1., 2., 4., 2., 1.]
    plain, weighted = (
        build('plain', dict(
            type='LinearClsHead', in_channels=8,
            loss=dict(type='CrossEntropyLoss', class_weight=weight)))
        for weight in (None, weights))
    weighted.load_state_dict(plain.state_dict())
    data = batch()
    expected, found = (model.loss(*data) for model in (plain, weighted))
    assert torch.equal(found['source_loss'], expected['source_loss'])
    assert found['target_loss'] > expected['target_loss']
    # With as many classes as well, and each with its own.
    loss = dict(type='CrossEntropyLoss', class_weight=weights)
    same = build('plain', dict(type='LinearClsHead', in_channels=8, loss=loss),
                 num_classes=5)
    assert same.source_head.loss_module.class_weight is None
    assert same.head.loss_module.class_weight == weights
    own = build('plain', dict(type='LinearClsHead', in_channels=8, loss=loss),
                loss=dict(class_weight=[3.] * 7))
    assert own.source_head.loss_module.class_weight == [3.] * 7


@pytest.mark.parametrize('loss, source_loss, match', [
    (dict(class_weight=[1., 2.]), {}, 'model.head.loss.class_weight.* 5 cl'),
    ({}, dict(class_weight=[1.] * 5), 'model.source_head.loss.class_weight'),
    (dict(margins=[1.] * 5), {}, 'Set `model.source_head.loss.margins`'),
])
def test_options_for_each_class(loss, source_loss, match):
    """A wrong number, or an option that may be one a class, is refused."""
    head = dict(type='LinearClsHead', in_channels=8,
                loss=dict(type='CrossEntropyLoss', **loss))
    with pytest.raises(ValueError, match=match):
        build('plain', head, loss=source_loss)


def lenet(num_classes):
    """Return LeNet5, which ends in a classifier, under a bare head."""
    return dict(
        type='mmjtln.JTLNClassifier',
        backbone=dict(type='LeNet5', num_classes=num_classes),
        head=dict(type='ClsHead', num_classes=5),
        source_head=dict(num_classes=7))


def test_classifier_inside_the_backbone_becomes_the_head():
    """The heads stand where the stock classifier stood."""
    model = MODELS.build(lenet(10))
    assert model.backbone_classifier == 'classifier.2'
    assert model.head.fc.weight.shape == (5, 84)
    assert model.source_head.fc.weight.shape == (7, 84)
    stock = MODELS.build(dict(type='LeNet5', num_classes=5))
    state = model.backbone.state_dict()
    state.update({f'classifier.2.{k}': v
                  for k, v in model.head.fc.state_dict().items()})
    stock.load_state_dict(state)
    images = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(
        model(images, mode='tensor'), stock(images)[-1])


def test_no_classifier_inside_the_backbone():
    """A bare head on a backbone without classifier is refused."""
    with pytest.raises(TypeError, match='LeNet5 does not end in a classif'):
        MODELS.build(lenet(-1))
