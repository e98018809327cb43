"""LP-FT: what is frozen keeps every bit, then everything learns."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.apis.launch import adapt_to_machine
from mmjtln.comparison import Method
from mmjtln.comparison.method_config import method_config
from tests.ranks import run_ranks
from tests.test_resume.test_exact_resume import go


class Snapshots(Hook):
    """Keep the state after each step."""

    def before_train(self, runner):
        self.states = [self._state(runner)]

    def after_train_iter(self, runner, *args, **kwargs):
        self.states.append(self._state(runner))

    @staticmethod
    def _state(runner):
        model = getattr(runner.model, 'module', runner.model)
        return copy.deepcopy(model.state_dict())


def changed(before, after) -> set[str]:
    """Name the modules that have changed by one bit or more."""
    return {name.partition('.')[0] for name in before
            if not torch.equal(before[name], after[name])}


@pytest.fixture
def run(tiny_run) -> Config:
    """Return a run of six steps with all that moves what is not trained.

    Batch normalization, momentum, weight decay and dropout.
    """
    cfg = method_config(tiny_run, Method('it', 'target'), {}, 0, None, None)
    cfg.model.backbone.norm_cfg = dict(type='BN')
    cfg.model.backbone.drop_path_rate = 0.2
    cfg.custom_hooks = [dict(type='mmjtln.LPFTHook')]
    cfg.optim_wrapper = dict(
        optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=0.1),
        clip_grad=dict(max_norm=1.))
    return cfg


def states(cfg) -> list[dict]:
    runner = Runner.from_cfg(cfg)
    hook = Snapshots()
    runner.register_hook(hook, priority='LOWEST')
    runner.train()
    return hook.states


def check(found, frozen, steps):
    assert len(found) == steps + 1
    for step, (before, after) in enumerate(
            zip(found, found[1:], strict=False)):
        expected = {'head'} if step < frozen else {'head', 'backbone'}
        assert changed(before, after) == expected, step


@pytest.mark.parametrize('share, frozen', [(0.5, 3), (0.35, 2), (1., 6)])
def test_frozen_phase_leaves_the_network_bit_equal(run, share, frozen):
    """Weights and statistics, whether it ends with an epoch or within."""
    run.custom_hooks[0].share = share
    check(states(run), frozen, steps=6)


def test_by_iteration(run):
    run.train_cfg = dict(by_epoch=False, max_iters=6, val_interval=6)
    run.default_hooks.checkpoint.update(by_epoch=False, interval=6)
    check(states(run), 3, steps=6)


def test_head_is_fitted_to_the_features_of_evaluation(run):
    """The first step's gradient is that of the network as it will predict."""
    run.optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.05))
    run.custom_hooks[0].share = 1.
    runner = Runner.from_cfg(run)
    hook, batches = Snapshots(), []
    runner.register_hook(hook, priority='LOWEST')
    step = runner.model.train_step

    def recorded(data, optim_wrapper):
        batches.append(copy.deepcopy(data))
        return step(data, optim_wrapper)

    runner.model.train_step = recorded
    runner.train()
    model = runner.model
    model.load_state_dict(hook.states[0])
    model.eval()
    data = model.data_preprocessor(batches[0], True)
    loss = model.loss(**data)['loss']
    gradient, = torch.autograd.grad(
        loss, model.head.fc.weight)
    torch.testing.assert_close(
        hook.states[1]['head.fc.weight'],
        hook.states[0]['head.fc.weight'] - 0.05 * gradient)


def test_a_classifier_within_the_backbone_is_the_head(run):
    """LeNet-5 under a bare ClsHead: its last layer alone is trained."""
    run.model = dict(type='ImageClassifier',
                     backbone=dict(type='LeNet5', num_classes=10),
                     head=dict(type='ClsHead'))
    for loader in (run.train_dataloader, run.val_dataloader):
        for part in (loader.dataset.get('target'), loader.dataset.get(
                'source'), loader.dataset):
            while part is not None and 'dataset' in part:
                part = part.dataset
            if part is not None and 'pipeline' in part:
                part.pipeline = [
                    dict(type='RandomGrayscale', prob=1.,
                         keep_channels=False), *part.pipeline]
    run.data_preprocessor = dict(mean=[127.5], std=[127.5], to_rgb=False)
    run.optim_wrapper.optimizer.lr = 0.5
    found = states(run)
    names = {name for before, after in zip(found[:3], found[1:4], strict=True)
             for name in before if not torch.equal(before[name], after[name])}
    assert names == {'backbone.classifier.2.weight',
                     'backbone.classifier.2.bias'}
    assert any(not torch.equal(found[3][name], found[6][name])
               for name in found[0] if 'features' in name)


@pytest.mark.parametrize('step', [2, 4])
def test_resumed_run_ends_the_same(run, step):
    """Stopped in either phase."""
    run.train_cfg.max_epochs = 3
    run.train_dataloader.batch_sampler.epoch = 2
    expected = go(run, 'peace').model.state_dict()
    go(run, 'stopped', step=step)
    found = go(run, 'stopped', resume=True).model.state_dict()
    assert changed(expected, found) == set()


def _rank(rank, cfg, folder):
    cfg.launcher = 'pytorch'
    cfg.work_dir = f'{folder}/work_dir'
    torch.save(states(adapt_to_machine(cfg)), f'{folder}/{rank}.pth')


def test_two_processes_train_as_one(run, tmp_path):
    """Both phases under DistributedDataParallel, without batch statistics."""
    run.model.backbone.norm_cfg = dict(type='GN', num_groups=4)
    run.model.backbone.drop_path_rate = 0.
    alone = states(copy.deepcopy(run))
    run.train_dataloader.batch_size //= 2
    run.experiment_name = 'two'
    run_ranks(_rank, 2, tmp_path, run, str(tmp_path))
    for rank in range(2):
        found = torch.load(tmp_path / f'{rank}.pth')
        check(found, 3, steps=6)
        for name, value in alone[-1].items():
            torch.testing.assert_close(
                found[-1][name], value, rtol=0, atol=1e-4)


@pytest.mark.parametrize('share', [0., 1.5])
def test_bad_share_is_refused(run, share):
    run.custom_hooks[0].share = share
    with pytest.raises(ValueError, match='share'):
        Runner.from_cfg(run)
