"""L2-SP: its gradient, its place before the first step, and resuming."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmjtln.comparison import Method
from mmjtln.comparison.method_config import method_config
from tests.test_resume.test_exact_resume import go

ALPHA, BETA = 0.1, 0.01


@pytest.fixture
def run(tiny_run) -> Config:
    """Return a run of a stock classifier with L2-SP."""
    cfg = method_config(tiny_run, Method('it', 'target'), {}, 0, None, None)
    cfg.custom_hooks = [dict(type='mmjtln.L2SPHook')]
    cfg.optim_wrapper = dict(
        optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=ALPHA),
        paramwise_cfg=dict(
            custom_keys={'head.': dict(decay_mult=BETA / ALPHA)}))
    return cfg


def test_gradient_is_that_of_the_penalty(run):
    """A step goes by -lr times the gradient of both terms, written out."""
    run.train_dataloader.batch_sampler.epoch = 1
    run.train_cfg.max_epochs = 4
    run.optim_wrapper.optimizer = dict(
        type='SGD', lr=0.05, weight_decay=ALPHA)
    steps = []

    def recorded(self, *args, **kwargs):
        before = {name: w.detach().clone()
                  for name, w in runner.model.named_parameters()}
        gradients = {name: w.grad.clone()
                     for name, w in runner.model.named_parameters()}
        update(*args, **kwargs)
        steps.append((before, gradients, {
            name: w.detach().clone()
            for name, w in runner.model.named_parameters()}))

    runner = Runner.from_cfg(run)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    update = runner.optim_wrapper.step
    runner.optim_wrapper.step = recorded.__get__(runner.optim_wrapper)
    runner.train()
    start = steps[0][0]
    before, gradients, after = steps[-1]
    largest = 0.
    for name, w in before.items():
        w = w.double().requires_grad_()
        penalty = (BETA / 2 * (w**2).sum() if name.startswith('head.') else
                   ALPHA / 2 * ((w - start[name])**2).sum())
        gradient, = torch.autograd.grad(penalty, w)
        expected = w.detach() - 0.05 * (gradients[name] + gradient)
        torch.testing.assert_close(
            after[name].double(), expected, rtol=0, atol=1e-6)
        if not name.startswith('head.'):
            largest = max(largest, 0.05 * gradient.abs().max().item())
    assert largest > 1e-5  # So what is compared is seen.


def test_a_strong_pull_keeps_the_backbone_near_its_start(run):
    """Nearer than no decay at all does; the new head is free."""
    moved = {}
    for decay in (0., 5.):
        cfg = copy.deepcopy(run)
        cfg.work_dir += str(decay)
        cfg.experiment_name = f'decay{decay}'
        cfg.optim_wrapper.optimizer.weight_decay = decay
        if not decay:
            cfg.custom_hooks = []
        runner = Runner.from_cfg(cfg)
        runner.model.init_weights()
        start = copy.deepcopy(runner.model.state_dict())
        runner.model._is_init = True
        runner.train()
        moved[decay] = sum(
            (parameter - start[name]).square().sum().item()
            for name, parameter in runner.model.named_parameters()
            if name.startswith('backbone'))
    assert 0 < moved[5.] < 0.9 * moved[0.]


def test_resumed_run_is_pulled_to_the_same_start(run):
    """It ends with the bits of the run that was not stopped."""
    peace = go(run, 'peace')
    go(run, 'stopped', step=4)
    stopped = go(run, 'stopped', resume=True)
    expected, found = (runner.model.state_dict()
                       for runner in (peace, stopped))
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
    # The pull is to where the first run began, not to the checkpoint.
    began = stopped.hooks[-1].l2_sp.starts
    assert not any(torch.equal(value, found[name])
                   for name, value in began.items())


def test_what_would_pull_nothing_is_refused(run):
    run.optim_wrapper.optimizer.weight_decay = 0.
    with pytest.raises(ValueError, match='weight_decay'):
        Runner.from_cfg(run).train()


def test_resuming_without_a_start_is_refused(run):
    without = Config(run.to_dict())
    without.custom_hooks = []
    go(without, 'stopped', step=4)
    with pytest.raises(ValueError, match='L2SPHook'):
        go(run, 'stopped', resume=True)
