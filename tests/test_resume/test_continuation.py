"""A run that is made longer goes on as one of that length from the start."""
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

DIGITS = dict(
    type='mmjtln.FewShotDataset', shots=2, seed=0,
    dataset=dict(
        type='mmjtln.UCIDigits', split='val',
        pipeline=[dict(type='Resize', scale=32), dict(type='PackInputs')]))


@pytest.fixture
def run(tiny_run) -> Config:
    """Return a run of two epochs of two steps, the OT term in the second."""
    tiny_run.train_dataloader.dataset = dict(
        type='mmjtln.JointDataset', source=DIGITS, target=DIGITS)
    tiny_run.train_dataloader.batch_sampler.epoch = 2
    for split in ('val', 'test'):
        for part in ('dataloader', 'evaluator', 'cfg'):
            tiny_run[f'{split}_{part}'] = None
    tiny_run.default_hooks.checkpoint.save_best = None
    tiny_run.default_hooks.logger = dict(type='LoggerHook', interval=1)
    tiny_run.model.lambda_ot = dict(value=1., begin=0.5)
    tiny_run.param_scheduler = [
        dict(type='LinearLR', start_factor=0.5, by_epoch=False, end=2),
        dict(type='CosineAnnealingLR', by_epoch=False, begin=2),
        dict(type='StepLR', step_size=1, gamma=0.9)]
    return tiny_run


def go(cfg, name, epochs, resume=False, **options) -> Runner:
    """Train in a folder, and return the runner."""
    cfg = Config(cfg.to_dict())
    cfg.merge_from_dict(options)
    cfg.work_dir = f'{cfg.work_dir}/{name}'
    cfg.train_cfg.max_epochs, cfg.resume = epochs, resume
    cfg.experiment_name = f'{name}_{epochs}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def scalars(runner, key) -> list:
    return runner.message_hub.get_scalar(f'train/{key}').data[0].tolist()


def test_longer(run):
    """Learning rates as in the longer run, and what has begun stays on."""
    whole = go(run, 'whole', 6)
    assert go(run, 'parts', 2).iter == 4
    longer = go(run, 'parts', 6, resume=True)
    assert longer.iter == 12
    assert scalars(longer, 'lr')[4:] == pytest.approx(scalars(whole, 'lr')[4:])
    assert scalars(longer, 'lr')[4] > 0
    on = [value != 0 for value in scalars(longer, 'ot_loss')]
    assert on == [False] * 2 + [True] * 10
    assert [value != 0 for value in scalars(whole, 'ot_loss')] == (
        [False] * 6 + [True] * 6)


OTHER = [
    ({'optim_wrapper.optimizer.lr': 0.5}, ['optimizer.lr', '0.01', '0.5']),
    ({'param_scheduler.1.eta_min': 1e-3}, ['param_scheduler.1.eta_min']),
    ({'model.lambda_ot.value': 2.}, ['lambda_ot.value', '1.0', '2.0']),
    ({'model.ot_loss': dict(reg=0.3)}, ['ot_loss.reg', '0.3']),
    ({'train_dataloader.dataset.target.dataset.pipeline.0.scale': 16,
      'train_dataloader.dataset.source.dataset.pipeline.0.scale': 16},
     ['target.dataset.pipeline.0.scale', '32', '16']),
]


def test_other_settings_are_refused(run):
    """Each would take effect in part, or not at all; a new run does."""
    go(run, 'it', 2)
    for options, words in OTHER:
        cfg = Config(run.to_dict())
        cfg.merge_from_dict(options)
        with pytest.raises(ValueError, match='not the run of') as error:
            go(cfg, 'it', 2, resume=True)
        for word in words:
            assert word in str(error.value)


def test_longer_with_its_own_schedule(run):
    """A schedule whose length is written down goes with the run's."""
    run.param_scheduler = dict(
        type='CosineAnnealingLR', by_epoch=False, T_max=2)
    go(run, 'it', 1)
    run.param_scheduler.T_max = 4
    rates = scalars(go(run, 'it', 2, resume=True), 'lr')
    assert rates[2:] == pytest.approx([0.005, 0.01 * (1 - 0.5**0.5) / 2])
