"""Checks of a few images: whole evaluation, pipelines that agree, a step."""
import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.datasets import CustomDataset
from PIL import Image

from mmjtln.checks.run import Run
from mmjtln.checks.warnings import is_validation, judged_images
from mmjtln.models import JTLNClassifier


def start(cfg: Config) -> None:
    """Begin a run, of which no step may be taken."""
    runner = Runner.from_cfg(cfg)
    runner.train_loop.run_iter = lambda *_: pytest.fail('a step was taken')
    runner.train()


@pytest.mark.parametrize('change, words', [
    ({'val_dataloader.batch_sampler': dict(
        type='mmjtln.JointSampler', epoch=1)}, 'every image once.*Joint'),
    ({'val_dataloader.drop_last': True}, 'every image once'),
    ({'test_dataloader.drop_last': True}, 'test loader'),
])
def test_evaluation_of_a_part_is_refused(tiny_run, change, words):
    """Batches that leave images out judge the rest alone."""
    tiny_run.merge_from_dict(change)
    with pytest.raises(ValueError, match=words):
        start(tiny_run)


@pytest.mark.parametrize('step, refused', [
    (dict(type='RandomFlip', prob=0.5, direction='horizontal'), True),
    (dict(type='ColorJitter', brightness=0.4), True),
    (dict(type='RandomGrayscale', prob=1., keep_channels=True), False)])
def test_random_evaluation_is_refused(tiny_run, step, refused):
    """What is drawn anew for each look; not what is done always."""
    tiny_run.test_dataloader.dataset.pipeline.insert(0, step)
    if refused:
        with pytest.raises(ValueError, match=f'is random .{step["type"]}'):
            start(tiny_run)
    else:
        with pytest.raises(pytest.fail.Exception, match='a step was taken'):
            start(tiny_run)


@pytest.mark.parametrize('where', [
    'train_dataloader.dataset.source.pipeline',
    'train_dataloader.dataset.target.dataset.pipeline',
    'test_dataloader.dataset.pipeline'])
def test_pipelines_that_do_not_agree(tiny_run, where):
    """Normalised images in one place, pixels in the others."""
    cfg = Config(copy.deepcopy(tiny_run.to_dict()))
    part = cfg
    for name in where.split('.'):
        part = part[name]
    part.insert(1, dict(type='Normalize', mean=[127.] * 3, std=[60.] * 3))
    with pytest.raises(ValueError, match='one type and range.*float32 below'):
        start(cfg)


@pytest.mark.parametrize('change, words', [
    (dict(head=dict(in_channels=63)), 'first images .* fail: RuntimeError'),
    (dict(ot_loss=dict(reg=1e-12)), 'reg must be at least')])
def test_rehearsal_finds_what_a_step_would(tiny_run, change, words):
    """A head of another size, a weight of the entropy out of range."""
    tiny_run.merge_from_dict(dict(model=change))
    with pytest.raises(ValueError, match=words):
        start(tiny_run)


def test_rehearsal_leaves_no_trace(tiny_run, monkeypatch):
    """Weights, statistics, gradients and random numbers stay as they were."""
    tiny_run.model.backbone.norm_cfg = dict(type='BN')
    tiny_run.custom_hooks[1].cost = dict(type='mmjtln.RandomCost')
    seen = {}
    step = JTLNClassifier.train_step

    def first(self, *args, **kwargs):
        if not seen:
            seen.update(
                state={k: v.clone() for k, v in self.state_dict().items()},
                grads=[p.grad for p in self.parameters()],
                numbers=torch.random.get_rng_state())
        return step(self, *args, **kwargs)

    monkeypatch.setattr(JTLNClassifier, 'train_step', first)
    found = []
    for rehearsed in (True, False):
        seen.clear()
        if not rehearsed:
            monkeypatch.setattr('mmjtln.checks.before_run.FIRST_STEP', ())
        Runner.from_cfg(tiny_run).train()
        found.append(dict(seen))
    assert found[0]['grads'] == [None] * len(found[0]['grads'])
    assert torch.equal(found[0]['numbers'], found[1]['numbers'])
    torch.testing.assert_close(found[0]['state'], found[1]['state'],
                               rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize('change, words', [
    ({'train_cfg.val_interval': 0}, 'val_interval.*at least 1, got 0'),
    ({'train_cfg.max_epochs': 0}, 'max_epochs.*at least 1, got 0'),
    ({'optim_wrapper.optimizer.type': 'SDG'}, "'SDG' is none")])
def test_lengths_and_optimizer(tiny_run, change, words):
    """One clear line before anything is built."""
    from mmjtln.apis import train
    with pytest.raises(ValueError, match=words):
        train(tiny_run, **change)


@pytest.mark.parametrize('change, words', [
    (dict(custom_hooks=[
        dict(type='mmjtln.ClassCheckHook'),
        dict(type='EarlyStoppingHook', monitor='accuracy/top1')]),
     "EarlyStoppingHook must be.*'accuracy/top1'"),
    (dict(param_scheduler=dict(type='ReduceOnPlateauLR', monitor='top1')),
     "ReduceOnPlateauLR must be.*'top1'")])
def test_monitors_are_figures(tiny_run, change, words):
    """What hooks and schedules watch is computed by the evaluator."""
    tiny_run.merge_from_dict(change)
    with pytest.raises(ValueError, match=words):
        start(tiny_run)


def test_source_images_for_the_ot_term(tiny_run):
    """An OT term on source images needs some in each batch."""
    tiny_run.model.update(ot_images='both', lambda_s=0.)
    tiny_run.train_dataloader.batch_sampler.source_share = 0.
    with pytest.raises(ValueError, match='must hold source images'):
        start(tiny_run)


def folder(path, colours) -> CustomDataset:
    """Write one picture a colour, in a class a parity, and read them."""
    for number, colour in enumerate(colours):
        home = path / 'ab'[number % 2]
        home.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8, 3), colour, dtype=np.uint8)
        Image.fromarray(pixels).save(home / f'{number}.png')
    return CustomDataset(data_root=str(path), pipeline=[])


def test_other_pictures_of_the_same_names(tmp_path):
    """`val/a/0.png` and `test/a/0.png` are two pictures."""
    val = folder(tmp_path / 'val', range(4))
    test = folder(tmp_path / 'test', range(100, 104))
    assert not is_validation(dict(val=val, test=test))
    assert is_validation(dict(val=val, test=val))
    (tmp_path / 'link').symlink_to(tmp_path / 'val')
    linked = CustomDataset(data_root=str(tmp_path / 'link'), pipeline=[])
    assert is_validation(dict(val=val, test=linked))


def test_shared_images_are_said(tmp_path):
    """Of any two splits, and how many."""
    val = folder(tmp_path / 'val', range(4))
    train = folder(tmp_path / 'train', range(50, 56))
    few = val.get_subset([0, 2])
    run = Run(None, None, dict(train=train, val=val, test=few))
    assert [line.split(':')[0] for line in judged_images(run)
            if 'no image' not in line] == [
        '2 of 2 test images are validation images, too']
    run = Run(None, None, dict(train=val, val=train, test=few))
    assert [line.split(':')[0] for line in judged_images(run)
            if 'no image' not in line] == [
        '2 of 2 test images are training images, too']
