import numpy as np
import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmjtln.costs import CostMatrix, MKMMDCost
from mmjtln.inference import features as network
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import extract_features, pool
from tests.ranks import run_ranks
from tests.test_costs.conftest import ToyImages, toy_config


def reference(model, dataset):
    """Features one image at a time."""
    model.eval()
    rows = []
    for i in range(len(dataset)):
        data = model.data_preprocessor(
            dict(inputs=[dataset[i]['inputs']]), False)
        rows.append(model.extract_feat(data['inputs'])[-1])
    return torch.cat(rows).detach()


@pytest.mark.parametrize('batch_size, workers', [(1, 0), (7, 0), (64, 2)])
def test_features_do_not_depend_on_batches(model, source, batch_size, workers):
    images = DomainImages(source, 'source')
    features = extract_features(model, images, 'neck', batch_size, workers)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, reference(model, source))


@pytest.mark.parametrize('stage', ['backbone', 'neck', 'pre_logits'])
def test_stages_of_a_pooled_network_agree(model, source, stage):
    images = DomainImages(source, 'source')
    torch.testing.assert_close(
        extract_features(model, images, stage), reference(model, source))


def test_the_run_around_it_is_left_alone(model, source):
    model.train()
    model.backbone.norm.eval()
    statistics = model.backbone.norm.running_mean.clone()
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    extract_features(model, DomainImages(source, 'source'), num_workers=1)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(model.backbone.norm.running_mean, statistics)
    assert all(p.grad is None for p in model.parameters())


def test_images_of_different_sizes_are_padded(model):
    dataset = ToyImages([3, 3])
    steps = [
        lambda data: dict(
            inputs=torch.ones(3, 8 + data['sample_idx'], 9, dtype=torch.uint8))
    ]
    images = DomainImages(dataset, 'source', steps)
    assert extract_features(model, images).shape == (6, 6)


def test_a_domain_preprocessor_hears_the_domain(model, target):
    heard = set()
    forward = model.data_preprocessor.forward

    def spy(data, training=False):
        heard.update((s.domain, 'gt_label' in s) for s in data['data_samples'])
        return forward(data, training)

    model.data_preprocessor.forward = spy
    extract_features(model, DomainImages(target, 'target'))
    assert heard == {('target', False)}


def test_pooling_of_what_backbones_return():
    maps, tokens, vector = torch.rand(2, 3, 4, 5), torch.rand(2, 7, 3), (
        torch.rand(2, 3))
    torch.testing.assert_close(pool((vector, maps), 'backbone'),
                               maps.mean((2, 3)))
    torch.testing.assert_close(pool(tokens, 'neck'), tokens.mean(1))
    # Class and distillation token; branches of a stage.
    both = torch.cat([maps.mean((2, 3)), vector], 1)
    torch.testing.assert_close(pool((vector, (maps, vector)), 'neck'), both)
    torch.testing.assert_close(pool((maps, vector), 'pre_logits'), both)
    with pytest.raises(ValueError, match='another stage'):
        pool((torch.rand(2, 3, 4, 5, 6), ), 'neck')


def test_non_finite_features_name_their_classes(model, source):
    torch.nn.init.constant_(model.backbone.conv.weight, float('nan'))
    with pytest.raises(ValueError, match="30 of 30 source.*'red', 'green'"):
        extract_features(model, DomainImages(source, 'source'))


def worker(rank, folder):
    init_default_scope('mmpretrain')
    source, target = ToyImages([6, 7, 8, 9]), ToyImages([1, 1])
    model = MODELS.build(toy_config())
    wrapped = MMDistributedDataParallel(
        model, device_ids=None, broadcast_buffers=False)
    MKMMDCost()(source, target, wrapped).save(f'{folder}/{rank}.npz')

    def fail_on_one(data):
        if data['img_path'] == '0/1':
            raise OSError('unreadable')
        return dict(inputs=torch.ones(3, 8, 8))

    try:
        MKMMDCost(pipeline=[fail_on_one])(source, target, model)
    except Exception as error:
        with open(f'{folder}/{rank}.txt', 'w') as file:
            file.write(repr(error))


def test_one_rank_works_and_all_agree_and_fail_together(tmp_path):
    run_ranks(worker, 2, tmp_path, str(tmp_path))
    costs = [CostMatrix.load(tmp_path / f'{rank}.npz') for rank in range(2)]
    assert (costs[0].matrix == costs[1].matrix).all()
    alone = MKMMDCost()(
        ToyImages([6, 7, 8, 9]), ToyImages([1, 1]),
        MODELS.build(toy_config()))
    np.testing.assert_array_equal(costs[0].matrix, alone.matrix)
    texts = [(tmp_path / f'{rank}.txt').read_text() for rank in range(2)]
    assert 'rank 0 failed' in texts[1]
    for text in texts:
        assert 'source image 0/1' in text and 'OSError: unreadable' in text


def test_progress_in_a_file(monkeypatch, capsys):
    """Lines that end, some seconds apart; nothing of what goes fast."""
    assert [*network.progress(iter('abc'), 3)] == ['a', 'b', 'c']
    assert capsys.readouterr().out == ''
    monkeypatch.setattr(network, '_SECONDS', 0.)
    assert [*network.progress(iter('abc'), 3)] == ['a', 'b', 'c']
    assert capsys.readouterr().out == '1 of 3, 0 s left\n2 of 3, 0 s left\n'
