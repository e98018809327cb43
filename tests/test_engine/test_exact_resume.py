"""A run that was stopped and goes on ends as the run that was not."""
import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture(scope='module')
def tool():
    """Import the tool that kills and resumes, for its comparison."""
    spec = importlib.util.spec_from_file_location(
        'kill_and_resume', TOOLS / 'kill_and_resume.py')
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class StoppedError(Exception):
    """Raised in the middle of a run."""


class StopAt(Hook):
    """Stop a run at a step, or within the validation after an epoch."""

    priority = 'LOWEST'

    def __init__(self, step=None, validation=None):
        self.step, self.validation = step, validation

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.step:
            raise StoppedError

    def after_val_iter(self, runner, *args, **kwargs):
        if self.validation in (runner.epoch, runner.iter):
            raise StoppedError


def go(cfg, name, resume=False, **stop) -> Runner:
    """Train, and stop where told."""
    cfg = Config(cfg.to_dict())
    cfg.work_dir = f'{cfg.work_dir}/{name}'
    cfg.resume = resume
    # Runners of one name share their log.
    cfg.experiment_name = f'{name}_{resume}_{stop}'
    # What a fresh process has drawn before is not what this one has.
    torch.manual_seed(len(cfg.experiment_name))
    runner = Runner.from_cfg(cfg)
    if not stop:
        runner.train()
        return runner
    runner.register_hook(StopAt(**stop))
    with pytest.raises(StoppedError):
        runner.train()
    return runner


@pytest.fixture
def small(tool, tmp_path) -> Config:
    """Return a run with random augmentation, dropout and stochastic depth."""
    cfg = Config(tool.CONFIG)
    cfg.merge_from_dict(dict(work_dir=str(tmp_path), log_level='ERROR'))
    cfg.val_dataloader.dataset = dict(
        type='mmjtln.FewShotDataset', shots=2, dataset=cfg.val_dataloader
        .dataset)
    return cfg


def assert_same_end(tool, cfg):
    """Compare all that `peace` and `stopped` have left."""
    peace, stopped = (
        tool.end_of(Path(cfg.work_dir, name)) for name in ('peace', 'stopped'))
    assert len(peace[0]) > 100
    assert any('exp_avg' in name or 'optimizer' in name for name in peace[0])
    assert any('best_' in name for name in peace[0])
    assert tool.differing(peace[0], stopped[0]) == []
    assert {'train/loss', 'train/ot_loss', 'val/target/accuracy/top1'} <= set(
        peace[1])
    assert len(peace[1]['train/loss']) == peace[1]['train/loss_steps']
    assert tool.differing(peace[1], stopped[1]) == []
