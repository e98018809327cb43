"""NormEvalHook: statistics of the start, weights that learn.

ChannelsLastHook: another layout of the same values.
"""
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmjtln.comparison import Method
from mmjtln.comparison.method_config import method_config


@pytest.fixture
def run(tiny_run) -> Config:
    """Return a run on the target with batch normalization and the hook."""
    cfg = method_config(tiny_run, Method('it', 'target'), {}, 0, None, None)
    cfg.model.backbone.norm_cfg = dict(type='BN')
    cfg.custom_hooks = [dict(type='mmjtln.NormEvalHook')]
    cfg.randomness = dict(seed=0)
    return cfg


def state(cfg) -> dict:
    return Runner.from_cfg(cfg).train().state_dict()


@pytest.mark.parametrize('also', ((), [dict(type='mmjtln.LPFTHook')]))
def test_statistics_keep_every_bit_and_weights_learn(run, also):
    run.custom_hooks = [*run.custom_hooks, *also]
    runner = Runner.from_cfg(run)
    before = {name: value.clone()
              for name, value in runner.model.state_dict().items()}
    after = runner.train().state_dict()
    statistics = [name for name in before
                  if 'running_' in name or 'num_batches' in name]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    assert not torch.equal(before['backbone.bn1.weight'],
                           after['backbone.bn1.weight'])
    assert not torch.equal(before['head.fc.weight'], after['head.fc.weight'])


def test_it_does_what_the_backbones_own_option_does(run, tmp_path):
    by_hook = state(run)
    run.model.backbone.norm_eval = True
    run.custom_hooks = []
    run.work_dir = str(tmp_path / 'option')
    by_option = state(run)
    assert by_hook.keys() == by_option.keys()
    assert all(torch.equal(by_hook[name], by_option[name])
               for name in by_hook)


def test_a_model_without_batch_normalization_is_refused(run):
    run.model.backbone.norm_cfg = dict(type='GN', num_groups=4)
    with pytest.raises(ValueError, match='this model has none'):
        Runner.from_cfg(run).train()


def test_channels_last_trains_the_same_up_to_rounding(run, tmp_path):
    run.model.backbone.zero_init_residual = False
    name = 'backbone.layer2.0.conv1.weight'
    plain = state(run)[name]
    run.work_dir = str(tmp_path / 'channels_last')
    run.custom_hooks += [dict(type='mmjtln.ChannelsLastHook')]
    found = state(run)[name]
    run.work_dir = str(tmp_path / 'start')
    run.optim_wrapper.optimizer.lr = 0.
    moved = (plain - state(run)[name]).norm()
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert not found.is_contiguous()
    assert 0 < (found - plain).norm() < 1e-3 * moved
