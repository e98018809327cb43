"""A run that was stopped and goes on ends as the run that was not."""
import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from mmjtln.datasets import JointDataset
from mmjtln.registry import METRICS
from tests.load_tool import load_tool


@pytest.fixture(scope='module')
def tool():
    """Import the tool that kills and resumes: its runs, its comparison."""
    return load_tool('long_checks/kill_and_resume')


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


def assert_same_end(tool, cfg, metric='val/target/accuracy/top1'):
    """Compare all that `peace` and `stopped` have left."""
    peace, stopped = (
        tool.end_of(Path(cfg.work_dir, name)) for name in ('peace', 'stopped'))
    assert tool.differing(peace[0], stopped[0]) == []
    assert tool.differing(peace[1], stopped[1]) == []
    # Of each kind there was something to compare.
    for part in ('state_dict/', 'optimizer/', 'param_schedulers/', 'best_'):
        assert any(part in name for name in peace[0]), part
    steps = cfg.train_cfg.get('max_iters') or 6 * cfg.train_cfg.max_epochs
    for name in ('train/loss', 'train/ot_loss'):
        assert len(peace[1][name]) == steps
    assert peace[1][metric]


@METRICS.register_module()
class Rising(BaseMetric):
    """A metric that is better at each validation than at the one before."""

    default_prefix = 'rising'

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        logged = MessageHub.get_current_instance().log_scalars
        # A domain may stand before the name.
        past = next((value for name, value in logged.items()
                     if name.endswith('rising/top1')), None)
        return dict(top1=0 if past is None else len(past.data[0]))


EMA = dict(type='EMAHook')
MIXUP = dict(augments=dict(type='Mixup', alpha=0.4))


@pytest.mark.parametrize('num_workers, seed', [(0, 3), (2, None)])
def test_by_epoch(tool, small, num_workers, seed):
    """Stopped within an epoch; with Mixup, EMA, and a seed drawn or given."""
    small.train_dataloader.num_workers = num_workers
    small.model.train_cfg = MIXUP
    small.custom_hooks.append(EMA)
    small.randomness.seed = seed
    small.train_cfg.max_epochs = 2
    peace = go(small, 'peace')
    # The seed that would have been drawn is that of the first run.
    drawn = Config(small.to_dict())
    drawn.randomness.seed = peace.seed
    go(drawn, 'stopped', step=8)
    go(small, 'stopped', resume=True)
    assert_same_end(tool, small)


def test_by_iteration(tool, small, monkeypatch):
    """Stopped twice; what has been consumed is not loaded again."""
    small.merge_from_dict(copy.deepcopy(tool.BY_ITERATION))
    small.model.train_cfg = MIXUP
    small.custom_hooks.append(EMA)
    small.train_cfg = dict(by_epoch=False, max_iters=16, val_interval=6)
    go(small, 'peace')
    go(small, 'stopped', step=7)
    go(small, 'stopped', resume=True, step=15)
    loaded = []
    sample = JointDataset._sample
    monkeypatch.setattr(
        JointDataset, '_sample',
        lambda self, index: loaded.append(index) or sample(self, index))
    go(small, 'stopped', resume=True)
    # And four for the rehearsal of a step.
    assert len(loaded) == (16 - 12) * 8 + 4
    assert_same_end(tool, small)


@pytest.mark.parametrize('by_epoch', [True, False])
def test_within_a_validation(tool, small, by_epoch):
    """The validation is made up for: its best checkpoint is not lost."""
    small.val_evaluator = dict(type='mmjtln.Rising')
    small.default_hooks.checkpoint.save_best = 'rising/top1'
    small.train_cfg.max_epochs = 2
    if not by_epoch:
        small.merge_from_dict(copy.deepcopy(tool.BY_ITERATION))
        small.train_cfg = dict(by_epoch=False, max_iters=8, val_interval=4)
    go(small, 'peace')
    end = 2 if by_epoch else 8
    go(small, 'stopped', validation=end // 2)
    go(small, 'stopped', resume=True, validation=end)
    best = f'best_rising_top1_{"epoch" if by_epoch else "iter"}_{end}.pth'
    assert not Path(small.work_dir, 'stopped', best).exists()
    go(small, 'stopped', resume=True)
    assert_same_end(tool, small, 'val/rising/top1')
    left = Path(small.work_dir, 'stopped').glob('best*')
    assert {path.name for path in left} == {best}


def test_the_comparison_sees_one_bit(tool):
    """What the tests above and the tool rest on can fail."""
    ours = dict(a=torch.tensor([1., float('nan')]), b=2., c=float('nan'))
    theirs = dict(a=ours['a'].clone(), b=2., c=float('nan'))
    assert tool.differing(ours, theirs) == []
    theirs['a'][0] = 1 + 2**-23
    theirs['d'] = 1
    assert tool.differing(ours, theirs) == ['a', 'd']
    nested = dict(state=[dict(step=torch.ones(1)), dict(step=torch.zeros(1))])
    assert set(tool.flatten(nested)) == {'/state/0/step', '/state/1/step'}


def test_a_resumed_run_tests_its_best_checkpoint(tool, small):
    """Which holds no optimizer, and is not resumed from."""
    small.test_dataloader = small.val_dataloader
    small.test_evaluator = small.val_evaluator
    small.test_cfg = dict()
    small.train_cfg.max_epochs = 2
    go(small, 'stopped', step=8)
    runner = go(small, 'stopped', resume=True)
    runner.load_checkpoint(runner.message_hub.get_info('best_ckpt'))
    found = runner.test()['target/accuracy/top1']
    assert found == runner.message_hub.get_info('best_score')
