"""HeadInitHook: where the head begins, what pulls it, resuming."""
import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from torch import nn

from mmjtln.datasets import ClassList
from mmjtln.heads import plan_weights, transported, weigh_start
from mmjtln.hooks import HeadInitHook
from tests.test_resume.test_exact_resume import go

RANDOM = dict(type='mmjtln.RandomCost')
HOOK = dict(type='mmjtln.HeadInitHook', cost=RANDOM, weigh=False)
KNOWN = [f'thing {i}' for i in range(7)]


def _start(cfg: Config, path) -> dict:
    """Write a checkpoint with a source head, and start from it."""
    torch.manual_seed(3)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta={}), path)
    cfg.load_from = str(path)
    return state


def _stock_start(cfg: Config) -> nn.Linear:
    """Start from a classifier of other classes, whose head is returned."""
    joint = MODELS.build(cfg.model)
    stock = nn.Linear(joint.head.in_channels, len(KNOWN))
    state = {key: value for key, value in joint.state_dict().items()
             if not key.startswith(('source_head.', 'head.', 'ot_loss.'))}
    state.update({f'head.fc.{key}': value
                  for key, value in stock.state_dict().items()})
    torch.save(dict(state_dict=state, meta={}), cfg.load_from)
    return stock


@pytest.fixture
def run(tiny_run, tmp_path) -> Config:
    """Return a run of one epoch whose head is carried over, then stays."""
    _start(tiny_run, tmp_path / 'start.pth')
    tiny_run.train_cfg.max_epochs = 1
    tiny_run.optim_wrapper.optimizer.lr = 0.
    tiny_run.custom_hooks.append(HOOK)
    return tiny_run


def _matrix(runner: Runner) -> torch.Tensor:
    hook, = (hook for hook in runner.hooks
             if isinstance(hook, HeadInitHook))
    dataset = runner.train_dataloader.dataset
    return hook.builder(dataset.source, dataset.target).matrix


def _expected(state: dict, matrix, **options) -> tuple:
    shares = plan_weights(torch.as_tensor(matrix), **options)
    return transported(state['source_head.fc.weight'],
                       state['source_head.fc.bias'], shares)


def _weight(runner: Runner, weight, bias) -> float:
    """Weigh a head by the target's training images, as in a test."""
    model, found, labels = runner.model.eval(), [], []
    images = runner.train_dataloader.dataset.target
    test = runner.test_dataloader.dataset.pipeline
    for i in range(len(images)):
        data = test(images.get_data_info(i))
        inputs = model.data_preprocessor(dict(
            inputs=[data['inputs']], data_samples=[data['data_samples']]))
        found.append(model.extract_feat(inputs['inputs'])[-1][0])
        labels.append(data['data_samples'].gt_label.item())
    scores = torch.stack(found) @ weight.T + bias
    return weigh_start(scores.detach().double().numpy(), np.array(labels))


def test_begins_at_the_source_head_by_the_matrix(run):
    runner = Runner.from_cfg(run)
    runner.train()
    found = runner.model.state_dict()
    weight, bias = _expected(found, _matrix(runner))
    torch.testing.assert_close(found['head.fc.weight'], weight)
    torch.testing.assert_close(found['head.fc.bias'], bias)


@pytest.mark.parametrize('source', ['images', 'names'])
def test_without_an_ot_term_and_with_names_alone(run, source):
    """A class list in place of images."""
    run.model.ot_loss = None
    run.custom_hooks = [run.custom_hooks[0], HOOK]
    if source == 'names':
        joint = run.train_dataloader.dataset
        joint.source = dict(type='mmjtln.ClassList', classes=[
            f'digit {i}' for i in range(10)])
        run.train_dataloader.batch_sampler.source_share = 0.
        run.model.lambda_s = 0.
        run.val_dataloader = run.test_dataloader
        run.val_evaluator = run.test_evaluator
    runner = Runner.from_cfg(run)
    runner.train()
    found = runner.model.state_dict()
    weight, _ = _expected(found, _matrix(runner))
    torch.testing.assert_close(found['head.fc.weight'], weight)


@pytest.mark.parametrize('weigh', [False, True])
def test_begins_at_the_head_of_a_checkpoint_of_other_classes(run, weigh):
    """The target's alone: the source has images to learn its own from."""
    stock = _stock_start(run)
    run.model.ot_loss = None
    run.custom_hooks = [
        run.custom_hooks[0], dict(type='mmjtln.StockCheckpointHook'),
        dict(HOOK, classes=KNOWN, weigh=weigh)]
    runner = Runner.from_cfg(run)
    runner.train()
    hook, = (hook for hook in runner.hooks if isinstance(hook, HeadInitHook))
    cost = hook.builder(
        ClassList(KNOWN), runner.train_dataloader.dataset.target)
    weight, bias = (part.detach() for part in transported(
        stock.weight, stock.bias, plan_weights(torch.as_tensor(cost.matrix))))
    if weigh:
        scale = _weight(runner, weight, bias)
        assert scale != pytest.approx(1.)
        weight, bias = scale * weight, scale * bias
    head = runner.model.head.fc
    torch.testing.assert_close(head.weight.detach(), weight,
                               atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(head.bias.detach(), bias, atol=1e-5, rtol=1e-4)
    # As MMPretrain begins a head.
    assert runner.model.source_head.fc.weight.std().item() == pytest.approx(
        0.01, rel=0.2)


def test_heads_of_other_classes_need_a_checkpoint_that_has_them(run):
    hook = dict(HOOK, classes=KNOWN)
    run.custom_hooks[-1] = hook
    with pytest.raises(ValueError, match=r'its head, of the `classes`'):
        Runner.from_cfg(run).train()
    run.load_from = None
    with pytest.raises(ValueError, match='but `load_from` is None'):
        Runner.from_cfg(run).train()
    # With nothing there to resume, MMEngine would begin without weights.
    run.resume = True
    with pytest.raises(ValueError, match='carried over once it is trained'):
        Runner.from_cfg(run).train()


def test_backbone_with_a_classifier_of_its_own(run):
    """LeNet's last layer is the head of both domains, and is carried over."""
    run.model.backbone = dict(type='LeNet5', num_classes=10)
    run.model.neck = None
    run.model.head = dict(type='ClsHead', num_classes=10)
    for part in (run.train_dataloader.dataset.source,
                 run.train_dataloader.dataset.target.dataset,
                 run.test_dataloader.dataset):
        part.pipeline = [
            dict(type='Resize', scale=32),
            dict(type='RandomGrayscale', prob=1., keep_channels=False),
            dict(type='PackInputs')]
    run.data_preprocessor = dict(mean=[127.5], std=[127.5])
    run.custom_hooks = [run.custom_hooks[0], HOOK]
    run.model.ot_loss = None
    run.val_dataloader = run.val_evaluator = run.val_cfg = None
    run.default_hooks.checkpoint.save_best = None
    _start(run, run.load_from)
    runner = Runner.from_cfg(run)
    runner.train()
    found = runner.model.state_dict()
    torch.testing.assert_close(
        found['head.fc.weight'], _expected(found, _matrix(runner))[0])


@pytest.mark.parametrize('weigh', [True, False])
def test_the_training_images_weigh_the_start(run, weigh):
    """As they are in a test, before the first step."""
    run.custom_hooks[-1] = dict(HOOK, weigh=weigh)
    runner = Runner.from_cfg(run)
    runner.train()
    head = runner.model.head.fc
    weight, bias = _expected(runner.model.state_dict(), _matrix(runner))
    t = 1.
    if weigh:
        t = _weight(runner, weight, bias)
        assert t != pytest.approx(1.)
    torch.testing.assert_close(head.weight.detach(), t * weight,
                               atol=1e-4, rtol=1e-3)


def test_a_carrier_by_vectors_needs_a_cost_that_has_them():
    with pytest.raises(ValueError, match='TextCost'):
        HeadInitHook(RANDOM, carrier='regression')
    text = HeadInitHook(cost=dict(type='mmjtln.TextCost'))
    assert text.carrier == 'regression'
    assert HeadInitHook(cost=RANDOM).carrier == 'plan'


@pytest.mark.parametrize('l2_sp, weigh, classes', [
    (0.3, True, None), (0., False, None), (0.3, True, KNOWN)])
def test_resumed_run_ends_as_the_one_that_was_not_stopped(
        run, l2_sp, weigh, classes):
    """With its start from the checkpoint; carried over only once."""
    run.train_cfg.max_epochs = 2
    run.optim_wrapper.optimizer.update(lr=0.05, momentum=0.9,
                                       weight_decay=0.1)
    run.custom_hooks[-1] = dict(HOOK, l2_sp=l2_sp, weigh=weigh)
    if classes is not None:
        _stock_start(run)
        run.custom_hooks[-1].update(classes=classes)
        run.custom_hooks.append(dict(type='mmjtln.StockCheckpointHook'))
    peace = go(run, 'peace')
    go(run, 'stopped', step=4)
    run.load_from = None
    stopped = go(run, 'stopped', resume=True)
    expected, found = (runner.model.state_dict()
                       for runner in (peace, stopped))
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_the_pull_holds_the_head_and_nothing_else(run):
    run.optim_wrapper.optimizer.lr = 0.05
    run.train_cfg.max_epochs = 3
    moved = {}
    for l2_sp in (0., 10.):
        cfg = copy.deepcopy(run)
        cfg.work_dir += str(l2_sp)
        cfg.experiment_name = f'l2_sp{l2_sp}'
        cfg.custom_hooks[-1] = dict(HOOK, l2_sp=l2_sp)
        runner = Runner.from_cfg(cfg)
        runner.train()
        saved = torch.load(f'{runner.work_dir}/epoch_3.pth',
                           weights_only=False)
        assert set(saved['head_init']) == {'head.fc.weight',
                                                  'head.fc.bias'}
        weight = runner.model.head.fc.weight
        moved[l2_sp] = (weight - saved['head_init']['head.fc.weight']
                       ).norm().item()
    assert 0 < moved[10.] < 0.8 * moved[0.]


def test_a_head_that_cannot_be_carried_over_is_refused_by_name(run):
    run.model.source_head = dict(
        type='StackedLinearClsHead', num_classes=10, in_channels=64,
        mid_channels=[4])
    run.load_from = None
    with pytest.raises(ValueError, match='StackedLinearClsHead'):
        Runner.from_cfg(run).train()


def test_an_untrained_source_head_is_refused(run):
    run.load_from = None
    with pytest.raises(ValueError, match='load_from'):
        Runner.from_cfg(run).train()


def test_resuming_a_run_without_the_start_is_refused(run):
    run.custom_hooks.remove(HOOK)
    go(run, 'it')
    run.load_from = None
    run.custom_hooks.append(HOOK)
    run.train_cfg.max_epochs = 2
    with pytest.raises(ValueError, match='HeadInitHook'):
        go(run, 'it', resume=True)


@pytest.mark.parametrize('options', [
    dict(carrier='best'), dict(l2_sp=-1.)])
def test_odd_options_are_refused(options):
    with pytest.raises(ValueError, match='must'):
        HeadInitHook(RANDOM, **options)
