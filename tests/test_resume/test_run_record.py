"""Resuming another run than that of the checkpoint is refused."""
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpretrain.datasets import CustomDataset

from mmjtln.apis import JTLNInferencer, export_classifier
from mmjtln.costs import CostMatrix
from mmjtln.models import JTLNClassifier
from mmjtln.resume import run_record
from mmjtln.resume.run_record import META, data_digest, record_differences
from tests.conftest import TINY_MODEL
from tests.pictures import draw
from tests.test_datasets.conftest import Toy

PIPELINE = [dict(type='Resize', scale=32), dict(type='PackInputs')]


@pytest.fixture(scope='module')
def stopped(tmp_path_factory) -> Config:
    """Return the config of a run of which two of four steps are done."""
    folder = tmp_path_factory.mktemp('stopped')
    names = [str(i) for i in range(10)]
    CostMatrix(1 - np.eye(10), names, names).save(folder / 'cost.npz')
    digits = dict(type='mmjtln.UCIDigits', split='val', pipeline=PIPELINE)
    few = dict(
        type='mmjtln.FewShotDataset', shots=2, seed=0,
        dataset=dict(digits, metainfo=dict(classes=names)))
    cfg = Config(
        dict(
            default_scope='mmpretrain',
            work_dir=str(folder / 'work_dir'),
            model=TINY_MODEL,
            data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
            train_dataloader=dict(
                batch_size=8, num_workers=0,
                collate_fn=dict(type='default_collate'),
                dataset=dict(
                    type='mmjtln.JointDataset', source=few, target=few),
                sampler=dict(type='DefaultSampler', shuffle=True),
                batch_sampler=dict(type='mmjtln.JointSampler', epoch=2)),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            default_hooks=dict(
                checkpoint=dict(
                    type='mmjtln.ResumableCheckpointHook', interval=1)),
            custom_hooks=[
                dict(type='mmjtln.ClassCheckHook'),
                dict(
                    type='mmjtln.CostMatrixHook',
                    cost=dict(
                        type='mmjtln.FileCost', path=str(folder / 'cost.npz')))
            ],
            randomness=dict(seed=0),
            log_level='ERROR'))
    Runner.from_cfg(cfg).train()
    cfg.train_cfg.max_epochs = 2
    cfg.resume = True
    return cfg


@pytest.fixture
def resumed(stopped, monkeypatch) -> Config:
    """Return a copy to change; a training step would fail the test."""
    monkeypatch.setattr(
        JTLNClassifier, 'train_step',
        lambda *_, **__: pytest.fail('a training step was taken'))
    return Config(stopped.to_dict())


LOADER, SAMPLER = 'train_dataloader', 'train_dataloader.batch_sampler'
SOURCE = 'train_dataloader.dataset.source'


@pytest.mark.parametrize('options, words', [
    ({f'{LOADER}.batch_size': 4, f'{SAMPLER}.source_share': 0.25,
      f'{SAMPLER}.epoch': 3,
      f'{LOADER}.sampler.shuffle': False, f'{LOADER}.sampler.seed': 5,
      'optim_wrapper.accumulative_counts': 3},
     ['4 source and 4 target then, 1 source and 3 target now',
      'train_dataloader.batch_size', 'source_share',
      'batch_sampler.epoch`): 2 then, 3 now',
      'sampler.shuffle`): True then, False now', 'sampler.seed`): 0 then, 5',
      '`optim_wrapper.accumulative_counts`: none then, 3 now']),
    ({'randomness.seed': 5, f'{SOURCE}.shots': 3,
      'train_cfg': dict(by_epoch=False, max_iters=4, _delete_=True),
      'default_hooks.checkpoint.by_epoch': False},
     ['`randomness.seed`): 0 then, 5 now', 'source images: 20 then, 30 now',
      '`train_dataloader.dataset.source.shots`: 2 then, 3 now',
      '`train_cfg.by_epoch`): by epoch then, by iteration now']),
    # One change alone is enough.
    ({f'{SOURCE}.seed': 1},
     ['digest of the images, labels and classes of the source']),
    # Whatever the config says, but for what is declared harmless.
    ({'default_hooks.ema': dict(type='EMAHook', momentum=0.01)},
     ['`default_hooks.ema.momentum`: none then, 0.01 now']),
    ({'default_hooks.checkpoint.save_best': 'auto'},
     ['`default_hooks.checkpoint.save_best`: none then']),
    ({'optim_wrapper.clip_grad': dict(max_norm=1.)}, ['clip_grad.max_norm']),
])
def test_refused(resumed, options, words):
    """Each change is named, with what was, what is, and what to set."""
    resumed.merge_from_dict(options)
    with pytest.raises(ValueError, match='not the run of') as error:
        Runner.from_cfg(resumed).train()
    for word in words:
        assert word in str(error.value)


def test_cost_option_changed(resumed):
    """Another setting of the builder is named, and it alone."""
    resumed.custom_hooks[1].cost.scale = True
    with pytest.raises(ValueError) as error:
        Runner.from_cfg(resumed).train()
    assert [line for line in str(error.value).splitlines()
            if line.startswith('- ')] == [
        '- `custom_hooks.1.cost.scale`: none then, True now']


def test_cost_file(resumed, tmp_path, monkeypatch):
    """A moved file is the same; with other content it is refused."""
    monkeypatch.undo()  # The first of the two may train.
    cost = resumed.custom_hooks[1].cost
    saved = CostMatrix.load(cost.path)
    cost.path = str(shutil.copy(cost.path, tmp_path / 'moved.npz'))
    runner = Runner.from_cfg(resumed)
    runner.train_loop.run = lambda: None
    runner.train()
    replace(saved, matrix=saved.matrix / 2).save(cost.path)
    with pytest.raises(ValueError, match='cost.path.*digest.*digest'):
        Runner.from_cfg(resumed).train()


def test_cost_removed(resumed):
    """The OT term cannot go on with a matrix that nothing accounts for."""
    resumed.custom_hooks = resumed.custom_hooks[:1]
    resumed.model.ot_loss = dict(
        type='mmjtln.OTLoss', cost=np.ones((10, 10)).tolist())
    with pytest.raises(ValueError, match='cost.type`: .*FileCost.* none now'):
        Runner.from_cfg(resumed).train()


def test_checkpoint_without_optimizer(resumed, tmp_path):
    """A best checkpoint holds weights only."""
    last = Path(resumed.work_dir, 'last_checkpoint').read_text()
    state = torch.load(last, weights_only=False)
    del state['optimizer']
    torch.save(state, tmp_path / 'best.pth')
    resumed.load_from = str(tmp_path / 'best.pth')
    with pytest.raises(ValueError, match='state of its optimizer'):
        Runner.from_cfg(resumed).train()


def test_checkpoints_at_places_that_cannot_be_resumed(resumed):
    """Within an epoch, or between two updates, is refused at the start."""
    hook = resumed.default_hooks.checkpoint
    hook.by_epoch = False
    with pytest.raises(ValueError, match='end of an epoch'):
        Runner.from_cfg(resumed).train()
    hook.by_epoch = True
    resumed.optim_wrapper.accumulative_counts = 4
    with pytest.raises(ValueError, match='every 2 steps'):
        Runner.from_cfg(resumed).train()


def test_harmless_options_may_change(resumed, monkeypatch):
    """What the machine, the log or the final test is, does not matter."""
    monkeypatch.undo()
    resumed.merge_from_dict({
        'train_dataloader.num_workers': 1, 'log_level': 'WARNING',
        'default_hooks.logger': dict(type='LoggerHook', interval=3),
        'default_hooks.checkpoint.max_keep_ckpts': 2,
        'experiment_name': 'another', 'own_variable': 3})
    runner = Runner.from_cfg(resumed)
    runner.train_loop.run = lambda: None
    runner.train()


def test_number_of_processes():
    """Another one is no difference if each step holds the same images."""
    then = dict(
        loop='by epoch', seed=0, order_seed=0, shuffle=True, processes=1,
        step='8 source and 8 target', last_step='1 source and 3 target',
        steps=3, cost=None, source_images=9, target_images=9, length=3,
        source_data='a', target_data='b', options={})
    now = dict(then, processes=2)
    assert record_differences(then, now) == []
    # A ragged last batch is filled up to the number of processes.
    now['last_step'] = '2 source and 4 target'
    step, processes = record_differences(then, now)
    assert '1 source and 3 target then, 2 source and 4 target now' in step
    assert processes == 'processes: 1 then, 2 now'


def test_changed_pixels(tmp_path):
    """They are seen under the same name; a moved folder is the same."""
    for name in 'ab':
        for i in range(3):
            draw(tmp_path / f'one/{name}/{i}.png', 0, i)

    def digest(root):
        return data_digest(CustomDataset(str(root)))

    first = digest(tmp_path / 'one')
    shutil.copytree(tmp_path / 'one', tmp_path / 'two')
    assert digest(tmp_path / 'two') == first
    path = tmp_path / 'two/b/2.png'
    # Of the same size, too.
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    assert digest(tmp_path / 'two') != first


def test_another_test_pipeline_is_told(tiny_run, tmp_path, monkeypatch):
    """By a test, a prediction and an export; that of the run is not."""
    tiny_run.train_cfg.max_epochs = 1
    tiny_run.test_dataloader.dataset.pipeline[0].scale = (32, 32)
    Runner.from_cfg(Config(tiny_run.to_dict())).train()
    tiny_run.load_from = tiny_run.work_dir  # Its best checkpoint.
    messages = []
    monkeypatch.setattr(run_record, 'print_log',
                        lambda text, **_: messages.append(text))
    for scale, told in (((32, 32), False), ((40, 40), True)):
        tiny_run.test_dataloader.dataset.pipeline[0].scale = scale
        for use in (
                lambda: Runner.from_cfg(Config(tiny_run.to_dict())).test(),
                lambda: JTLNInferencer(tiny_run, tiny_run.work_dir),
                lambda: export_classifier(tiny_run, tiny_run.work_dir,
                                          tmp_path / 'out')):
            messages.clear()
            use()
            assert bool(messages) == told
            assert all('[32, 32]' in text and '[40, 40]' in text
                       for text in messages)


def test_data_digest():
    """Paths, labels and their order count; where the folder lies does not."""
    class Moved(Toy):
        root = '/elsewhere/'

        def load_data_list(self):
            infos = super().load_data_list()
            for info in infos:
                del info['img']
                info['img_path'] = self.root + info['img_path']
            return infos

    class MovedAgain(Moved):
        root = '/here/data/'

    digests = [data_digest(data) for data in (
        Moved(6), Moved(6, first=1), Moved(7), Moved(6, labels=[0] * 6), Toy(6)
    )]
    assert len(set(digests)) == 5
    assert data_digest(MovedAgain(6)) == digests[0]


def test_the_written_config_reads_images_alike(tmp_path, said):
    """MMEngine sorts the options of a config that it writes."""
    cfg = Config(dict(test_dataloader=dict(dataset=dict(
        type='CustomDataset', pipeline=[
            dict(type='ResizeEdge', scale=73, edge='short'),
            dict(type='PackInputs')]))))
    meta = {META: dict(test_pipeline=run_record.test_pipeline(cfg))}
    cfg.dump(tmp_path / 'a.py')
    again = Config.fromfile(tmp_path / 'a.py')
    run_record.tell_other_pipeline(again, meta)
    assert not said()
    again.test_dataloader.dataset.pipeline[0].scale = 72
    run_record.tell_other_pipeline(again, meta)
    assert '"scale": 73' in said() and '"scale": 72' in said()
