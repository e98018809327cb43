"""A small joint training run on the embedded digits, for all tests."""
import copy
import gc
import io
import logging
import os

import pytest
import torch
from hypothesis import HealthCheck, settings
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from mmpretrain.registry import MODELS

import mmjtln  # noqa: F401  registers everything
from mmjtln.apis.train import FormattedConfig

# An unattended run tries the same examples each time. On a busy machine an
# example may take long.
settings.register_profile(
    'mmjtln', derandomize=bool(os.environ.get('CI')), deadline=None,
    suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('mmjtln')


@pytest.fixture(scope='session', autouse=True)
def _a_cache_of_its_own(tmp_path_factory):
    """Keep encoded class names where no run before this one has been."""
    before = os.environ.get('XDG_CACHE_HOME')
    os.environ['XDG_CACHE_HOME'] = str(tmp_path_factory.mktemp('cache'))
    yield
    if before is None:
        del os.environ['XDG_CACHE_HOME']
    else:
        os.environ['XDG_CACHE_HOME'] = before


def pytest_collection_finish() -> None:
    """Let a collection of garbage leave out what the imports have made.

    MMEngine collects for each data set, which took half of a small run.
    """
    gc.freeze()


@pytest.fixture(autouse=True)
def _leave_no_default_scope():
    """Forget the default scope that a runner or a test has set."""
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture(autouse=True)
def _runs_of_their_own(monkeypatch):
    """Give a run a log and a hub of its own, whenever it starts.

    MMEngine names them by the second, and several runs may start in one.
    """
    setup = Runner.setup_env

    def setup_alone(self, env_cfg):
        setup(self, env_cfg)
        for kind in (MMLogger, MessageHub, Visualizer):
            kind._instance_dict.clear()

    monkeypatch.setattr(Runner, 'setup_env', setup_alone)


@pytest.fixture(autouse=True)
def _one_thread():
    """Keep to one thread: more of them only get in each other's way here."""
    torch.set_num_threads(1)


@pytest.fixture
def said():
    """Return a function that gives what the log has said so far."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield text.getvalue
    logger.removeHandler(handler)


#: A ResNet-18 so thin that a step on 32 pixels takes milliseconds. Group
#: normalization, so that no sample depends on the rest of its batch.
TINY_MODEL = dict(
    type='mmjtln.JTLNClassifier',
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=8,
        base_channels=8,
        norm_cfg=dict(type='GN', num_groups=4)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
    source_head=dict(num_classes=10))


@pytest.fixture
def tiny_model() -> dict:
    """Return the config of a small JTLN model, ten classes a domain."""
    return copy.deepcopy(TINY_MODEL)


@pytest.fixture
def tiny_run(tmp_path, tiny_model) -> Config:
    """Return the config of a run of two epochs of three batches."""
    pipeline = [dict(type='Resize', scale=32), dict(type='PackInputs')]
    joint = dict(
        type='mmjtln.JointDataset',
        source=dict(type='mmjtln.MNIST5k', split='test', pipeline=pipeline),
        target=dict(
            type='mmjtln.FewShotDataset',
            shots=2,
            dataset=dict(
                type='mmjtln.UCIDigits', split='train', pipeline=pipeline)))
    loader = dict(num_workers=0, collate_fn=dict(type='default_collate'))
    return FormattedConfig(
        dict(
            default_scope='mmpretrain',
            work_dir=str(tmp_path / 'work_dir'),
            model=tiny_model,
            data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
            train_dataloader=dict(
                batch_size=8,
                dataset=joint,
                sampler=dict(type='DefaultSampler', shuffle=True),
                batch_sampler=dict(type='mmjtln.JointSampler', epoch=3),
                **loader),
            val_dataloader=dict(
                batch_size=50,
                dataset=joint,
                sampler=dict(type='DefaultSampler', shuffle=False),
                **loader),
            val_evaluator=[
                dict(type='mmjtln.DomainAccuracy', domain='target'),
                dict(type='mmjtln.DomainAccuracy', domain='source')
            ],
            test_dataloader=dict(
                batch_size=50,
                dataset=dict(
                    type='mmjtln.UCIDigits', split='val', pipeline=pipeline),
                sampler=dict(type='DefaultSampler', shuffle=False),
                **loader),
            test_evaluator=dict(type='mmjtln.DomainAccuracy'),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            train_cfg=dict(by_epoch=True, max_epochs=2),
            val_cfg=dict(),
            test_cfg=dict(),
            default_hooks=dict(
                checkpoint=dict(
                    type='mmjtln.ResumableCheckpointHook',
                    interval=1,
                    save_best='target/accuracy/top1')),
            custom_hooks=[
                dict(type='mmjtln.ClassCheckHook'),
                dict(
                    type='mmjtln.CostMatrixHook',
                    cost=dict(type='mmjtln.MKMMDCost', samples_per_class=2))
            ],
            randomness=dict(seed=0),
            log_level='WARNING'))


#: What the checkpoint of :func:`class_list_run` says of its classes.
STOCK_NAMES = ['crane, bird', 'crane', *'cdefghijkl']


@pytest.fixture
def class_list_run(tiny_run, tmp_path) -> Config:
    """Return `tiny_run` with a stock checkpoint as its source."""
    model = copy.deepcopy(tiny_run.model.to_dict())
    model.pop('source_head')
    model['type'] = 'ImageClassifier'
    model['head']['num_classes'] = len(STOCK_NAMES)
    torch.manual_seed(6)
    tiny_run.load_from = str(tmp_path / 'stock.pth')
    torch.save(
        dict(state_dict=MODELS.build(model).state_dict(),
             meta=dict(dataset_meta=dict(classes=STOCK_NAMES))),
        tiny_run.load_from)
    tiny_run.train_dataloader.dataset.source = dict(
        type='mmjtln.ClassList', classes=tiny_run.load_from)
    tiny_run.val_dataloader.dataset = dict(
        tiny_run.val_dataloader.dataset.target)
    tiny_run.val_evaluator = dict(type='mmjtln.DomainAccuracy')
    tiny_run.model.source_head.num_classes = len(STOCK_NAMES)
    tiny_run.model.lambda_s = 0
    tiny_run.optim_wrapper.optimizer.weight_decay = 0.1
    tiny_run.custom_hooks = [
        dict(type='mmjtln.ClassCheckHook'),
        dict(type='mmjtln.StockCheckpointHook'),
        dict(type='mmjtln.CostMatrixHook',
             cost=dict(type='mmjtln.RandomCost'))
    ]
    return tiny_run
