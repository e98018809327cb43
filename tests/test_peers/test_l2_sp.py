"""L2-SP: its gradient, its place before the first step, and resuming."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmjtln.comparison import Method
from mmjtln.comparison.methods import method_config
from mmjtln.peers import DecayToStart
from tests.test_resume.test_exact_resume import go

ALPHA, BETA = 0.1, 0.01


def penalised(optimizer, steps=3, **options):
    """Minimise a sum with L2-SP, and the same with it written out."""
    torch.manual_seed(0)
    start = torch.randn(5, dtype=torch.float64)
    target = torch.randn(5, dtype=torch.float64)
    ends = []
    for written_out in (False, True):
        w = torch.nn.Parameter(start.clone())
        head = torch.nn.Parameter(start.clone())
        decay = (0., 0.) if written_out else (ALPHA, BETA)
        optim = optimizer([
            dict(params=[w], weight_decay=decay[0]),
            dict(params=[head], weight_decay=decay[1])], **options)
        if not written_out:
            DecayToStart(optim, dict(w=w))
        for _ in range(steps):
            optim.zero_grad()
            loss = ((w + head - target)**2).sum()
            if written_out:
                loss = (loss + ALPHA / 2 * ((w - start)**2).sum()
                        + BETA / 2 * (head**2).sum())
            loss.backward()
            optim.step()
        ends.append((w.detach(), head.detach()))
    return ends


@pytest.mark.parametrize('optimizer, options', [
    (torch.optim.SGD, dict(lr=0.02)),
    (torch.optim.SGD, dict(lr=0.02, momentum=0.9, nesterov=True)),
    (torch.optim.Adam, dict(lr=0.02)),
])
def test_gradient_is_that_of_the_penalty(optimizer, options):
    """Steps are those of the loss with both terms of the paper written out."""
    found, expected = penalised(optimizer, **options)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_decoupled_decay_pulls_to_the_start():
    """AdamW's: w - lr * alpha * (w - w0), beside its step without decay."""
    start = torch.tensor([1., -2.])
    w = torch.nn.Parameter(start.clone())
    optim = torch.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    DecayToStart(optim, dict(w=w))
    with torch.no_grad():
        w += 3.
    w.grad = torch.zeros(2)
    optim.step()
    torch.testing.assert_close(w.detach(), start + 3. * (1 - 0.1 * 0.5))


def test_parameters_without_a_gradient_stay_as_they_are():
    w = torch.nn.Parameter(torch.tensor([0.1, 0.7]))
    optim = torch.optim.SGD([w], lr=0.1, weight_decay=1.)
    DecayToStart(optim, dict(w=w), start=dict(w=torch.tensor([1e3, 3.])))
    optim.step()
    assert torch.equal(w.detach(), torch.tensor([0.1, 0.7]))


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
    began = stopped.hooks[-1].decay.start
    assert not any(torch.equal(value, found[name])
                   for name, value in began.items())


@pytest.mark.parametrize('change, word', [
    ({'optim_wrapper.optimizer.weight_decay': 0.}, 'weight_decay'),
    ({'custom_hooks': [dict(type='mmjtln.L2SPHook', parts=('body', ))]},
     "'body'"),
])
def test_what_would_pull_nothing_is_refused(run, change, word):
    run.merge_from_dict(change)
    with pytest.raises(ValueError, match=word):
        Runner.from_cfg(run).train()


def test_resuming_without_a_start_is_refused(run):
    without = Config(run.to_dict())
    without.custom_hooks = []
    go(without, 'stopped', step=4)
    with pytest.raises(ValueError, match='L2SPHook'):
        go(run, 'stopped', resume=True)
