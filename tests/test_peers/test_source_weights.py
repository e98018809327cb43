"""Source weights: their formula, resuming, processes."""
import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner

from mmjtln.datasets import JointSampler
from mmjtln.peers.source_weights import class_weights
from mmjtln.registry import DATASETS
from tests.test_resume.test_exact_resume import go

SHARE = torch.tensor([0.5, 0.3, 0.2]).double()
OWN = dict(type='mmjtln.ConfusionCost', double_centre=False,
           scale=False, samples_per_class=None)


def test_own_relation_gives_the_ratio_of_ngiam():
    """P_t(y) / P_s(y), P_t the mean prediction on the target's images."""
    generator = torch.Generator().manual_seed(0)
    counts = torch.tensor([4, 1])
    predictions = torch.randn(5, 3, generator=generator,
                              dtype=torch.float64).softmax(dim=1)
    relation = torch.stack([predictions[:4].mean(0), predictions[4]], dim=1)
    found = class_weights(-relation.log(), SHARE, counts / 5, 1., 0.)
    torch.testing.assert_close(found, predictions.mean(dim=0) / SHARE)


def test_mass_is_that_of_a_plain_iteration():
    """Relaxed Sinkhorn, written out: u = (P_s / K v)^kappa, v = P_t / K' u."""
    generator = torch.Generator().manual_seed(1)
    cost = torch.rand(3, 4, generator=generator, dtype=torch.float64)
    target = torch.full((4, ), 0.25, dtype=torch.float64)
    kernel, v, kappa = (-cost / 0.1).exp(), torch.ones(4).double(), 0.5
    for _ in range(2000):
        u = (SHARE / (kernel @ v))**kappa
        v = target / (kernel.t() @ u)
    expected = (u[:, None] * kernel * v).sum(dim=1) / SHARE
    found = class_weights(cost, SHARE, target, reg=0.1, relax=0.1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert (found * SHARE).sum().item() == pytest.approx(1)
    balanced = class_weights(cost, SHARE, target, reg=0.1, relax=None)
    torch.testing.assert_close(balanced, torch.ones(3).double(),
                               rtol=1e-5, atol=0)


def joint_run(cfg):
    """Weigh by an untrained network's predictions, made unequal."""
    cfg.model.ot_loss = None
    cfg.custom_hooks = [dict(type='mmjtln.SourceWeightsHook', cost=OWN)]
    return cfg


def seen_by(runner):
    """Record the source labels of each step."""
    seen = []
    step = runner.model.train_step

    def recorded(data, optim_wrapper):
        seen.append([int(sample.gt_label) for sample in data['data_samples']
                     if sample.domain == 'source'])
        return step(data, optim_wrapper)

    runner.model.train_step = recorded
    return seen


@pytest.mark.parametrize('by_epoch', [True, False])
def test_run_draws_the_classes_that_weigh(tiny_run, by_epoch):
    """Of two classes with all the weight nothing else is drawn."""
    cfg = joint_run(tiny_run)
    if not by_epoch:
        cfg.train_cfg = dict(by_epoch=False, max_iters=6, val_interval=6)
        cfg.default_hooks.checkpoint.update(by_epoch=False, interval=6)
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    runner.model._is_init = True
    with torch.no_grad():
        runner.model.source_head.fc.bias[[3, 8]] += 60.
    seen = seen_by(runner)
    runner.train()
    assert len(seen) == 6
    assert {label for step in seen for label in step} == {3, 8}


@pytest.mark.parametrize('by_epoch', [True, False])
def test_resumed_run_draws_on(tiny_run, by_epoch):
    """It ends with the same bits, from the weights of the first start."""
    cfg = joint_run(tiny_run)
    if not by_epoch:
        cfg.train_cfg = dict(by_epoch=False, max_iters=6, val_interval=3)
        cfg.default_hooks.checkpoint.update(by_epoch=False, interval=3)
    peace = go(cfg, 'peace')
    go(cfg, 'stopped', step=4)
    stopped = go(cfg, 'stopped', resume=True)
    weights = [next(hook.kept for hook in runner.hooks
                    if type(hook).__name__ == 'SourceWeightsHook')
               for runner in (peace, stopped)]
    assert torch.equal(*weights) and weights[0].std() > 0
    found = stopped.model.state_dict()
    for key, value in peace.model.state_dict().items():
        assert torch.equal(found[key], value), key


def test_resuming_a_run_without_the_weights_is_refused(tiny_run):
    """It would go on with weights that no run had."""
    cfg = joint_run(tiny_run)
    plain = copy.deepcopy(cfg)
    plain.custom_hooks = [hook for hook in cfg.custom_hooks
                          if hook.type != 'mmjtln.SourceWeightsHook']
    go(plain, 'plain', step=4)
    with pytest.raises(ValueError, match='SourceWeightsHook'):
        go(cfg, 'plain', resume=True)


def test_processes_share_what_one_would_draw(tiny_run, monkeypatch):
    """Ranks are disjoint parts of the same weighted stream."""
    cfg = copy.deepcopy(tiny_run.train_dataloader)
    dataset = DATASETS.build(cfg.dataset)
    weights = 1. + dataset.gt_labels('source')

    def indices(rank, world_size, batch_size):
        monkeypatch.setattr('mmjtln.datasets.joint_sampler.get_dist_info',
                            lambda: (rank, world_size))
        sampler = JointSampler(
            DefaultSampler(dataset, seed=0), batch_size, epoch=4)
        sampler.source_weights = weights
        return np.array([[int(i) for i in batch] for batch in sampler])

    whole = indices(0, 1, 8)
    parts = np.concatenate([indices(rank, 2, 4) for rank in range(2)], axis=1)
    np.testing.assert_array_equal(np.sort(whole), np.sort(parts))


def test_runs_that_draw_no_source_image_are_refused(tiny_run):
    cfg = joint_run(tiny_run)
    cfg.model.lambda_s = 0.
    cfg.train_dataloader.batch_sampler.source_share = 0.
    with pytest.raises(ValueError, match='JointSampler'):
        Runner.from_cfg(cfg).train()
