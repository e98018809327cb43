"""Everything works with a source of which only names and weights are there."""
import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.apis import ImageClassificationInferencer

from mmjtln.apis import JTLNInferencer, train
from mmjtln.comparison import methods_of
from mmjtln.comparison.method_config import method_config
from mmjtln.comparison.methods import Method
from mmjtln.comparison.run import split_checkpoint
from mmjtln.export import export_classifier
from tests.conftest import STOCK_NAMES
from tests.load_tool import run_tool
from tests.ranks import run_ranks
from tests.test_apis.test_distributed import assert_same_weights
from tests.test_resume.test_exact_resume import go

NAMES = ('crane (bird)', 'crane', *'cdefghijkl')


def stock_head(cfg):
    state = torch.load(cfg.load_from, weights_only=True)['state_dict']
    return {key.removeprefix('head.'): value for key, value in state.items()
            if key.startswith('head.')}


def source_head_is_stock(model, cfg) -> bool:
    own = model.source_head.state_dict()
    return all(torch.equal(own[key], value)
               for key, value in stock_head(cfg).items())


@pytest.mark.parametrize('grad_to', ['source', 'both', 'target'])
def test_the_ot_term_trains_the_source_head_or_it_stays(
        class_list_run, grad_to):
    """By the very bits, although there is weight decay."""
    class_list_run.train_dataloader.dataset.source.classes = 'checkpoint'
    class_list_run.model.backbone.norm_cfg = dict(type='BN')
    # Only the head of the stock checkpoint is looked at.
    path = class_list_run.load_from
    stock = torch.load(path, weights_only=True)
    stock['state_dict'] = {
        key: value for key, value in stock['state_dict'].items()
        if 'bn' not in key and 'downsample.1' not in key}
    torch.save(stock, path)
    runner = train(class_list_run,
                   **{'model.ot_loss': dict(grad_to=grad_to)})
    sampler = runner.train_dataloader.batch_sampler
    assert sampler.per_batch == dict(source=0, target=8)
    logged = runner.message_hub.log_scalars
    assert 'train/source_loss' not in logged
    assert np.isfinite(logged['train/ot_loss'].data[0]).all()
    assert source_head_is_stock(runner.model, class_list_run) == (
        grad_to == 'target')
    meta = CheckpointLoader.load_checkpoint(
        f'{runner.work_dir}/epoch_2.pth')['meta']['dataset_meta']
    assert meta['source_classes'] == NAMES


def test_without_the_ot_term_the_source_head_stays(class_list_run):
    class_list_run.model.ot_loss = None
    class_list_run.custom_hooks.pop()
    runner = train(class_list_run)
    assert source_head_is_stock(runner.model, class_list_run)
    assert not any(p.requires_grad
                   for p in runner.model.source_head.parameters())


@pytest.mark.parametrize('changes, words', [
    ({'model.lambda_s': 1.}, 'Set `model.lambda_s=0`'),
    ({'model.ot_images': 'both'}, "Set `model.ot_images='target'`"),
    ({'load_from': None}, 'Set `load_from`'),
    ({'custom_hooks': [dict(type='mmjtln.ClassCheckHook')],
      'model.ot_loss': None}, r"Add dict\(type='mmjtln.StockCheckpointHook'"),
    ({'train_dataloader.dataset.source.classes': STOCK_NAMES[::-1]},
     'does not initialise `source_head`'),
    ({'train_dataloader.dataset.source.classes': 'imagenet'},
     'num_classes` is 12 and the source data set has 1000'),
    ({'custom_hooks.2.cost': dict(type='mmjtln.MKMMDCost')},
     'MKMMDCost compares images, but the source is a ClassList'),
])
def test_what_needs_source_images_is_refused(class_list_run, changes, words):
    with pytest.raises(ValueError, match=words):
        train(class_list_run, **changes)


def test_batches_without_source_images_need_lambda_s_0(class_list_run):
    """Also where no hook checks."""
    with pytest.raises(ValueError, match='set `model.lambda_s=0`'):
        train(class_list_run, custom_hooks=[],
              **{'model.lambda_s': 1., 'model.ot_loss': None})


def test_own_knowledge_needs_no_source_images(class_list_run):
    """R, the mean source prediction of target images, as a cost."""
    class_list_run.custom_hooks[2].cost = dict(type='mmjtln.ConfusionCost')
    runner = train(class_list_run)
    assert runner.model.ot_loss.cost.shape == (12, 10)


@pytest.mark.parametrize('begin', [0, 0.5])
def test_resume(class_list_run, begin):
    """Stopped and gone on: the same bits as in peace."""
    class_list_run.model.lambda_ot = dict(value=1., begin=begin)
    class_list_run.optim_wrapper.optimizer.momentum = 0.9
    states = []
    for name in ('peace', 'stopped'):
        if name == 'stopped':
            go(class_list_run, name, step=4)
            class_list_run.load_from = None  # As --resume has it.
        runner = go(class_list_run, name, resume=name == 'stopped')
        states.append(runner.model.state_dict())
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_resume_with_other_names_is_refused(class_list_run):
    go(class_list_run, 'run', step=4)
    class_list_run.train_dataloader.dataset.source.classes = [
        'other', *NAMES[1:]]
    class_list_run.resume, class_list_run.load_from = True, None
    class_list_run.work_dir += '/run'
    with pytest.raises(ValueError, match='other source classes'):
        Runner.from_cfg(class_list_run).train()


def test_resume_before_the_first_checkpoint(class_list_run, tmp_path):
    """The run begins anew from the checkpoint that its config names."""
    class_list_run.train_dataloader.dataset.source.classes = 'checkpoint'
    class_list_run.model.ot_loss = dict(grad_to='target')
    class_list_run.dump(tmp_path / 'run.py')
    work_dir = tmp_path / 'out'
    run_tool('train', tmp_path / 'run.py', '--work-dir', work_dir,
             '--resume')
    found = CheckpointLoader.load_checkpoint(f'{work_dir}/epoch_2.pth')
    for key, value in stock_head(class_list_run).items():
        assert torch.equal(found['state_dict'][f'source_head.{key}'], value)


def rank_run(rank, cfg, folder):
    cfg.launcher = 'pytorch'
    runner = train(cfg, work_dir=f'{folder}/work_dir')
    scalars = runner.message_hub.log_scalars
    torch.save(
        dict(weights=runner.model.module.state_dict(),
             loss=scalars['train/loss'].data[0].tolist()),
        f'{folder}/{rank}.pth')


def assert_two_processes_are_one(run, tmp_path):
    """Losses and weights of two processes are those of one, to 1e-5."""
    results = {}
    for world_size in (1, 2):
        cfg = copy.deepcopy(run)
        cfg.train_dataloader.batch_size = 8 // world_size
        folder = tmp_path / str(world_size)
        folder.mkdir()
        run_ranks(rank_run, world_size, folder, cfg, str(folder))
        results[world_size] = [torch.load(folder / f'{rank}.pth')
                               for rank in range(world_size)]
    alone, = results[1]
    loss = np.mean([rank['loss'] for rank in results[2]], axis=0)
    assert np.abs(loss - alone['loss']).max() <= 1e-5
    for rank in results[2]:
        assert_same_weights(rank['weights'], alone['weights'], 1e-5)


@pytest.mark.parametrize('options', [
    # A solver that stops early stops elsewhere after another rounding.
    {'model.ot_loss': dict(tol=1e-6)},
    {'model.lambda_ot': dict(value=1., begin=0.5)},
    {'model.ot_loss': dict(grad_to='target')}])
def test_two_processes_are_one(class_list_run, tmp_path, options):
    """No gradient is waited for: the head is trained, later, or frozen."""
    class_list_run.merge_from_dict(copy.deepcopy(options))
    assert_two_processes_are_one(class_list_run, tmp_path)


def test_export_and_inference(class_list_run, tmp_path):
    runner = train(class_list_run)
    checkpoint = f'{runner.work_dir}/epoch_2.pth'
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    class_list_run.dump(tmp_path / 'run.py')
    found = JTLNInferencer(str(tmp_path / 'run.py'), checkpoint)(
        image, return_source=True, return_plan=True)[0]
    assert found['source_pred_class'] in NAMES
    assert found['plan'].shape == (12, 10)
    for domain, key in (('source', 'source_pred_scores'),
                        ('target', 'pred_scores')):
        out = tmp_path / domain
        export_classifier(class_list_run, checkpoint, out, domain)
        stock = ImageClassificationInferencer(
            str(out / 'config.py'), str(out / 'model.pth'))
        assert np.allclose(stock(image)[0]['pred_scores'], found[key],
                           atol=1e-5)
    cfg = Config.fromfile(tmp_path / 'source' / 'config.py')
    assert cfg.test_dataloader.dataset.data_root == 'data/source'


def test_comparison(class_list_run, tmp_path):
    """The checkpoint is the source: nothing is trained on it."""
    assert 'joint' not in [method.name
                           for method in methods_of(class_list_run)]
    split_checkpoint(class_list_run, tmp_path)
    source = dict(classifier=str(tmp_path / 'classifier.pth'),
                  backbone=str(tmp_path / 'backbone.pth'))
    stock = torch.load(class_list_run.load_from, weights_only=True)
    backbone = torch.load(source['backbone'], weights_only=True)
    assert backbone['state_dict'].keys() == {
        key for key in stock['state_dict'] if not key.startswith('head.')}
    for kind, start in (('target', None), ('consecutive', 'backbone'),
                        ('jtln', None)):
        cfg = method_config(class_list_run, Method('m', kind), {}, 0, None,
                            source)
        loaded = source[start] if start else None
        assert cfg.load_from == (
            class_list_run.load_from if kind == 'jtln' else loaded)
        assert cfg.train_dataloader.batch_size == 8
        assert train(cfg, work_dir=str(tmp_path / kind)).iter == 6
