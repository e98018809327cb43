"""CostMatrixHook: built once, saved, carried, reused."""
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from mmpretrain.datasets.categories import MNIST_CATEGORITES

from mmjtln.costs import CostMatrix, MKMMDCost
from mmjtln.datasets import UCIDigits
from mmjtln.datasets.class_lists import domain_classes
from mmjtln.domains import DOMAINS


@pytest.fixture
def builds(monkeypatch):
    """Count how often a matrix is built."""
    calls = []
    measure = MKMMDCost.measure

    def counting(self, *args):
        calls.append(1)
        return measure(self, *args)

    monkeypatch.setattr(MKMMDCost, 'measure', counting)
    return calls


def test_built_saved_and_carried(tiny_run, builds):
    """The file, the model and the checkpoint hold the same matrix."""
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    saved = CostMatrix.load(f'{runner.work_dir}/cost_matrix.npz')
    dataset = runner.train_dataloader.dataset
    assert saved.source_classes == tuple(dataset.source_classes)
    assert saved.target_classes == tuple(dataset.metainfo['classes'])
    own = runner.model.ot_loss
    torch.testing.assert_close(own.cost, torch.tensor(saved.matrix).float())
    loaded = torch.load(
        f'{runner.work_dir}/epoch_2.pth', weights_only=False)
    assert torch.equal(loaded['state_dict']['ot_loss.cost'], own.cost)
    for domain in DOMAINS:
        assert domain_classes(
            loaded['meta']['dataset_meta'],
            domain) == getattr(saved, f'{domain}_classes')
    assert len(builds) == 1


def test_resume_builds_nothing(tiny_run, builds):
    """A resumed run goes on with the matrix of its checkpoint."""
    tiny_run.train_cfg.max_epochs = 1
    first = Runner.from_cfg(tiny_run)
    first.train()
    tiny_run.train_cfg.max_epochs = 2
    tiny_run.resume = True
    second = Runner.from_cfg(tiny_run)
    second.train()
    assert second.epoch == 2
    assert len(builds) == 1
    assert torch.equal(second.model.ot_loss.cost, first.model.ot_loss.cost)


def test_load_from_another_run_builds_anew(tiny_run, builds, tmp_path):
    """The matrix that comes with `load_from` is that of another run."""
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    state = runner.model.state_dict()
    state['ot_loss.cost'] = torch.ones_like(state['ot_loss.cost'])
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'start.pth')
    tiny_run.load_from = str(tmp_path / 'start.pth')
    again = Runner.from_cfg(tiny_run)
    again.train()
    assert len(builds) == 2
    assert not (again.model.ot_loss.cost == 1).all()


def ot_iterations(runner):
    """Return how many iterations had an OT term."""
    scalars = runner.message_hub.get_scalar('train/ot_loss')
    return (scalars.data[0] != 0).sum()


def test_begin(tiny_run, builds):
    """The OT term, and its cost matrix, begin with the second of 4 epochs."""
    tiny_run.train_cfg.max_epochs = 4
    tiny_run.model.lambda_ot = dict(value=1., begin=0.25)
    tiny_run.default_hooks.logger = dict(type='LoggerHook', interval=1)
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    assert len(builds) == 1
    assert ot_iterations(runner) == 9


@pytest.mark.parametrize('begin, built_at', [
    (0., [0]), (0.3, [2]), (0.5, [3]), (1., [])])
@pytest.mark.parametrize('train_cfg', [
    dict(by_epoch=True, max_epochs=2), dict(by_epoch=False, max_iters=6)],
    ids=str)
def test_built_when_the_ot_term_begins(tiny_run, monkeypatch, begin, built_at,
                                       train_cfg):
    """Where `lambda_ot` begins, within an epoch too, by either loop."""
    tiny_run.train_cfg = train_cfg
    tiny_run.val_dataloader = tiny_run.val_cfg = tiny_run.val_evaluator = None
    tiny_run.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=-1)
    tiny_run.model.lambda_ot = dict(value=1., begin=begin)
    runner = Runner.from_cfg(tiny_run)
    found = []
    measure = MKMMDCost.measure
    monkeypatch.setattr(
        MKMMDCost, 'measure',
        lambda *args: found.append(runner.iter) or measure(*args))
    runner.train()
    assert found == built_at


def test_two_costs(tiny_run):
    """One matrix a run: neither of two is dropped silently."""
    hook = tiny_run.custom_hooks[1]
    tiny_run.custom_hooks.append(hook)
    with pytest.raises(ValueError, match='2 CostMatrixHooks'):
        Runner.from_cfg(tiny_run).train()
    tiny_run.custom_hooks.pop()
    tiny_run.model.ot_loss = dict(cost=torch.ones(10, 10).tolist())
    with pytest.raises(ValueError, match='model.ot_loss.cost.*another'):
        Runner.from_cfg(tiny_run).train()


@pytest.mark.parametrize('change, said', [
    ({}, True), ({'custom_hooks.1.cost': dict(
        type='mmjtln.ShuffledCost', cost=dict(
            type='mmjtln.MKMMDCost', samples_per_class=2))}, True),
    ({'model.lambda_ot': dict(value=1., begin=0.4)}, False),
    ({'model.backbone.init_cfg': dict(
        type='Pretrained', checkpoint='x.pth')}, False),
    ({'load_from': 'x.pth'}, False),
    ({'custom_hooks.1.cost': dict(type='mmjtln.RandomCost')}, False)],
    ids=str)
def test_random_weights_are_said(tiny_run, monkeypatch, change, said):
    """What an untrained network makes of images says little of classes."""
    cost = change.pop('custom_hooks.1.cost', None)
    if cost:
        tiny_run.custom_hooks[1].cost = cost
    tiny_run.merge_from_dict(change)
    monkeypatch.setattr(Runner, '_init_model_weights', lambda self: None)
    runner = Runner.from_cfg(tiny_run)
    stop = RuntimeError('seen enough')
    runner.load_or_resume = lambda: (_ for _ in ()).throw(stop)
    with pytest.raises(RuntimeError, match='seen enough'):
        runner.train()
    log = next(Path(tiny_run.work_dir).glob('*/*.log')).read_text()
    assert ('with random weights. Set `load_from`' in log) == said


@pytest.mark.parametrize('begin', [0., 1.])
def test_cost_beyond_float32(tiny_run, tmp_path, begin):
    """It would be infinite in training: said before, whenever it is used."""
    path = tmp_path / 'cost.csv'
    tiny_run.model.lambda_ot = dict(value=1., begin=begin)
    names = UCIDigits.METAINFO['classes']
    path.write_text('\n'.join([
        ','.join(['', *names]),
        *(','.join([name] + ['1e39'] * 10) for name in MNIST_CATEGORITES)]))
    tiny_run.custom_hooks[1].cost = dict(
        type='mmjtln.FileCost', path=str(path))
    with pytest.raises(ValueError, match='cost.csv .* at most 3.4e.38, since '
                       'training computes in float32, but 100 are not'):
        Runner.from_cfg(tiny_run).train()


def test_no_ot_loss(tiny_run):
    """A cost matrix without an OT loss is a contradiction."""
    tiny_run.model.ot_loss = None
    with pytest.raises(ValueError, match='ot_loss'):
        Runner.from_cfg(tiny_run).train()


@pytest.mark.parametrize('update_buffers', [False, True])
def test_with_ema(tiny_run, update_buffers):
    """The averaged model, copied before the build, gets the matrix too."""
    tiny_run.custom_hooks.append(
        dict(
            type='EMAHook',
            ema_type='ExponentialMovingAverage',
            update_buffers=update_buffers))
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    ema = next(h for h in runner.hooks if hasattr(h, 'ema_model')).ema_model
    torch.testing.assert_close(ema.module.ot_loss.cost,
                               runner.model.ot_loss.cost)


def test_a_runner_that_has_trained_tests(tiny_run):
    """The matrix that it then has is the hook's own."""
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    assert 'target/accuracy/top1' in runner.test()
