import pytest
import torch
from mmpretrain.registry import MODELS

from mmjtln.costs import MKMMDCost
from tests.test_costs.conftest import PACK, toy_config


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
    (dict(channels=5), '(?s)does not fit.*size mismatch'),
    (dict(drop=['backbone.conv']), r"lacks 'backbone.conv.weight'"),
    (dict(drop=['backbone', 'head']), 'lacks'),
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
    with pytest.raises(ValueError, match='does not fit'):
        MKMMDCost(stage='pre_logits', **options).check(source, target)


def test_a_network_must_come_from_somewhere(source, target, model):
    MKMMDCost().check(source, target)
    with pytest.raises(ValueError, match='needs a network'):
        MKMMDCost()(source, target)
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
