"""A classifier's predictions as costs, and whose they may be."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpretrain.registry import MODELS
from scipy.special import softmax

from mmjtln.costs import ConfusionCost
from mmjtln.costs.confusion import log_relationship
from tests.test_costs.conftest import ToyImages, toy_config


@given(st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_relation_is_the_mean_prediction(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(9, 4), scale=4).astype(np.float32)
    labels = np.array([0, 0, 0, 1, 2, 2, 2, 2, 2])
    found = np.exp(log_relationship(logits, labels, 3))
    predictions = softmax(logits.astype(float), axis=1)
    expected = np.stack([predictions[labels == j].mean(0) for j in range(3)])
    np.testing.assert_allclose(found, expected.T, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=0), 1)


def test_the_relation_stays_finite_for_sure_predictions():
    logits = np.array([[0, 1e4], [0, 1e4]], dtype=np.float32)
    found = log_relationship(logits, np.array([0, 0]), 1)
    np.testing.assert_allclose(found[:, 0], [-1e4, 0])


def fitted(source, model):
    """Give the toy network a head that knows the source classes."""
    from mmjtln.inference.domain_images import DomainImages
    from mmjtln.inference.features import extract_features
    images = DomainImages(source, 'source')
    features = extract_features(model, images)
    means = torch.stack([
        features[images.labels == k].mean(0)
        for k in range(len(images.classes))
    ])
    with torch.no_grad():
        model.head.fc.weight.copy_(20 * means)
        model.head.fc.bias.copy_(-10 * means.square().sum(1))
    return model


def test_the_related_class_is_the_nearest(source, model):
    target = ToyImages([3, 4, 5, 2])
    cost = ConfusionCost()(source, target, fitted(source, model))
    assert cost.matrix.argmin(axis=0).tolist() == [0, 1, 2, 3]


def test_the_source_head_of_a_joint_model_is_asked(source, model):
    target = ToyImages([2, 2])
    expected = ConfusionCost()(source, target, model)
    model.source_head = model.head
    model.head = MODELS.build(toy_config(num_classes=2)).head
    again = ConfusionCost()(source, target, model)
    assert again.source_hash == expected.source_hash


def test_a_classifier_of_other_classes_is_refused(tmp_path, source, model):
    target = ToyImages([2, 2])
    other = MODELS.build(toy_config(num_classes=7))
    with pytest.raises(ValueError, match='the 4 source.* has 7 outputs'):
        ConfusionCost().check(source, target, other)
    other.head.num_classes = 4
    with pytest.raises(ValueError, match='has 7 outputs'):
        ConfusionCost()(source, target, other)

    def check(names):
        path = str(tmp_path / 'model.pth')
        torch.save(
            dict(
                state_dict=model.state_dict(),
                meta=dict(dataset_meta=dict(classes=names))), path)
        ConfusionCost(
            model=toy_config(), checkpoint=path).check(source, target)

    names = list(source.metainfo['classes'])
    check(names)
    with pytest.raises(ValueError, match='the order differs'):
        check(names[::-1])
    with pytest.raises(ValueError, match=r"adds \['pink'\]"):
        check(['pink', *names[1:]])


def test_a_head_with_two_outputs_predicts_from_their_sum(source, model):
    target, head = ToyImages([2, 2]), model.head
    expected = ConfusionCost()(source, target, model)

    class Double(torch.nn.Module):

        def forward(self, feats):
            return 0.25 * head(feats), 0.75 * head(feats)

    model.head = Double()
    np.testing.assert_allclose(
        ConfusionCost()(source, target, model).matrix,
        expected.matrix,
        atol=1e-4)
