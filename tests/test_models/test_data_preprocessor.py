"""JointDataPreprocessor: as stock, but no label set meets the other."""
import numpy as np
import pytest
import torch
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmjtln.models import JointDataPreprocessor

NORMALIZE = dict(mean=[10.] * 3, std=[2.] * 3, to_rgb=True)


def batch(domains='stsstt'):
    """Return images whose pixels tell the domain: source 0, target 100."""
    inputs = torch.zeros(len(domains), 3, 8, 8)
    samples = []
    for i, letter in enumerate(domains):
        inputs[i] = 100 * (letter == 't')
        sample = DataSample().set_gt_label(i % 3)
        sample.set_field(
            dict(s='source', t='target')[letter],
            'domain',
            field_type='metainfo')
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def test_as_stock_without_augmentation():
    """Pixels and labels come out as from the parent."""
    ours = JointDataPreprocessor(**NORMALIZE)(batch(), training=True)
    stock = ClsDataPreprocessor(**NORMALIZE)(batch(), training=True)
    assert torch.equal(ours['inputs'], stock['inputs'])
    for one, other in zip(
            ours['data_samples'], stock['data_samples'], strict=True):
        assert torch.equal(one.gt_label, other.gt_label)
        assert 'gt_score' not in one


@pytest.mark.parametrize('kind', ['Mixup', 'CutMix'])
def test_batch_augmentation_stays_within_a_domain(kind):
    """No pixel of one domain reaches the other, and labels fit each."""
    np.random.seed(0)
    torch.manual_seed(0)
    preprocessor = JointDataPreprocessor(
        num_classes=3,
        num_source_classes=5,
        batch_augments=dict(augments=dict(type=kind, alpha=1.)))
    mixed = False
    for _ in range(10):
        data = preprocessor(batch('st' * 8), training=True)
        for image, sample in zip(
                data['inputs'], data['data_samples'], strict=True):
            target = sample.domain == 'target'
            assert (image == 100 * target).all()
            assert sample.gt_score.shape == (3 if target else 5, )
            assert sample.gt_score.sum().item() == pytest.approx(1)
            mixed |= bool(sample.gt_score.max() < 1)
    assert mixed


def test_no_augmentation_outside_training():
    """Validation gets one-hot labels of its own domain's length."""
    preprocessor = JointDataPreprocessor(
        num_classes=3,
        num_source_classes=5,
        batch_augments=dict(augments=dict(type='Mixup', alpha=1.)))
    for sample in preprocessor(batch())['data_samples']:
        assert sample.gt_score.sum() == sample.gt_score.max() == 1


def test_class_counts_are_needed():
    """Batch augmentation without class counts says which are missing."""
    with pytest.raises(ValueError, match='source'):
        JointDataPreprocessor(
            num_classes=3,
            batch_augments=dict(augments=dict(type='Mixup', alpha=1.)))


def test_the_classifier_makes_a_stock_config_joint(tiny_model):
    """`train_cfg` of a stock config augments within the domains."""
    model = MODELS.build(
        dict(
            tiny_model,
            source_head=dict(num_classes=7),
            data_preprocessor=dict(
                type='ClsDataPreprocessor', num_classes=1000, **NORMALIZE),
            train_cfg=dict(augments=dict(type='Mixup', alpha=0.2))))
    assert isinstance(model.data_preprocessor, JointDataPreprocessor)
    assert model.data_preprocessor.class_counts == dict(target=10, source=7)
    assert model.data_preprocessor.domain_augments is not None
