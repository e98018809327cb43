import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS

from mmjtln.costs import ClassFeatures, MKMMDCost
from mmjtln.costs.mkmmd import mkmmd
from tests.test_costs.conftest import PACK, random_features, toy_config


def save(path, num_classes=4, channels=6, drop=()):
    model = MODELS.build(toy_config(num_classes, channels))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    weights = {
        key: value
        for key, value in model.state_dict().items()
        if not key.startswith(tuple(drop))
    }
    torch.save(dict(state_dict=weights), path)
    return model.eval()


def test_own_model_and_checkpoint_are_used(tmp_path, source, target, model):
    path = str(tmp_path / 'model.pth')
    own = save(path, num_classes=9)
    builder = MKMMDCost(model=toy_config(), checkpoint=path)
    cost = builder(source, target)
    assert (cost.matrix == MKMMDCost()(source, target, own).matrix).all()
    assert (cost.matrix != MKMMDCost()(source, target, model).matrix).any()
    assert builder(source, target, model).source_hash == cost.source_hash


def test_a_config_file_names_the_model(tmp_path, source, target):
    config = tmp_path / 'config.py'
    config.write_text(f'model = {toy_config()!r}')
    cost = MKMMDCost(model=str(config))(source, target)
    assert cost.settings['model'] == str(config)


@pytest.mark.parametrize('options, words', [
    (dict(channels=5), "another shape: 'backbone.conv.weight'"),
    (dict(drop=['backbone.conv']), "missing.*'backbone.conv.weight'"),
    (dict(drop=['backbone', 'head']), 'missing'),
])
def test_a_checkpoint_of_another_model_is_refused(tmp_path, source, target,
                                                  options, words):
    path = str(tmp_path / 'model.pth')
    save(path, **options)
    builder = MKMMDCost(model=toy_config(), checkpoint=path)
    with pytest.raises(ValueError, match=words):
        builder.check(source, target)


def test_the_head_must_fit_only_where_it_matters(tmp_path, source, target):
    path = str(tmp_path / 'model.pth')
    save(path, num_classes=9)
    options = dict(model=toy_config(), checkpoint=path)
    MKMMDCost(stage='neck', **options).check(source, target)
    with pytest.raises(ValueError, match="another shape: 'head.fc.weight'"):
        MKMMDCost(stage='pre_logits', **options).check(source, target)


def test_a_network_must_come_from_somewhere(source, target, model):
    with pytest.raises(ValueError, match='needs a network'):
        MKMMDCost().check(source, target)
    with pytest.raises(ValueError, match='needs its model config'):
        MKMMDCost(checkpoint='x.pth').check(source, target, model)
    with pytest.raises(ValueError, match='no extract_feat'):
        MKMMDCost()(source, target, torch.nn.Linear(2, 2))


@pytest.mark.parametrize('options, words', [
    (dict(stage='head'), '`stage` of .* must be one of'),
    (dict(samples_per_class=0), 'samples_per_class'),
    (dict(pipeline=dict(source=PACK)), 'source and target'),
])
def test_image_options_are_checked(options, words):
    with pytest.raises(ValueError, match=words):
        MKMMDCost(**options)


def test_each_domain_can_have_its_own_pipeline(source, target, model):
    both = dict(source=PACK, target=[dict(type='Resize', scale=16), *PACK])
    cost = MKMMDCost(pipeline=both)(source, target, model)
    assert cost.source_hash != MKMMDCost(pipeline=PACK)(
        source, target, model).source_hash


def test_standardising_takes_a_domain_shift_out():
    source, target = random_features([5] * 4, 6), random_features([5] * 4, 6)
    shifted = ClassFeatures(target.features + 7, target.labels, 4)
    np.testing.assert_allclose(
        mkmmd(source.standardised(), shifted.standardised(), [2., 4., 8.]),
        mkmmd(source.standardised(), target.standardised(), [2., 4., 8.]),
        atol=1e-5)
    uneven = random_features([2, 9, 4], 3).standardised()
    means = torch.stack([uneven.of_class(k).mean(0) for k in range(3)])
    np.testing.assert_allclose(means.mean(0), 0, atol=1e-6)


def test_standardising_takes_a_change_of_scale_out():
    domain = random_features([4, 9, 6], 5)
    scales = torch.tensor([.1, 1, 2, 9, 30])
    scaled = ClassFeatures(domain.features * scales, domain.labels, 3)
    plain = domain.standardised().features
    # All but the addition of a tenth of the mean deviation.
    ratio = scaled.standardised().features.std(0) / plain.std(0)
    assert ratio[2:].min() > 0.3 and ratio.max() < 1.2
    assert (ratio.diff() > 0).all()


def test_features_that_do_not_vary_are_centred_alone():
    domain = ClassFeatures(torch.ones(3, 2), torch.arange(3), 3)
    assert not domain.standardised().features.any()


def test_a_collapsed_network_is_refused(source, target, model):
    torch.nn.init.zeros_(model.backbone.conv.weight)
    with pytest.raises(ValueError, match='all source images have the same'):
        MKMMDCost()(source, target, model)
