"""No file that is loaded runs anything or chooses where is written.

Checkpoints as such are in test_reading.py.
"""
import copy
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from mmjtln.apis import JTLNInferencer, export_classifier
from mmjtln.costs import CostMatrix, FileCost
from mmjtln.inference.features import image_model
from tests.load_tool import load_tool, run_tool


class Runs:
    """Pickles to something that leaves a trace."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace, )


@pytest.fixture
def trace(tmp_path):
    """Return a folder that must not come to be."""
    path = tmp_path / 'pwned'
    yield path
    assert not path.exists()


def write(path, trace):
    """Write a hostile file of the kind that its name says."""
    hostile = np.array([Runs(trace)] * 2, dtype=object)
    kind = path.stem
    if kind == 'pickle':
        path.write_bytes(pickle.dumps(Runs(trace)))
    elif kind == 'checkpoint':
        torch.save(dict(state_dict=Runs(trace)), path)
    else:
        np.savez(path, **{name: hostile for name in kind.split('-')})


def load_file_cost(path):
    """Read a file as FileCost does."""
    FileCost(str(path)).prepare(None, None, None)


@pytest.mark.parametrize('load, name', [
    (CostMatrix.load, 'pickle.npz'),
    (CostMatrix.load, 'matrix-source_classes-target_classes-meta.npz'),
    (load_file_cost, 'pickle.npz'),
    (load_file_cost, 'matrix-source_classes-target_classes-meta.npz'),
    (load_file_cost, 'pickle.csv'),
])
def test_costs(tmp_path, trace, load, name):
    """Refused by name, whatever part of the file is hostile."""
    write(tmp_path / name, trace)
    with pytest.raises(ValueError, match=name):
        load(tmp_path / name)


def convert(path, cfg):
    """Convert it as a user does."""
    run_tool('model_converters/torchvision_alexnet', path,
             path.with_name('out.pth'))


def train_from(path, cfg):
    """Start a run from it."""
    cfg.load_from = str(path)
    Runner.from_cfg(cfg).train()


def pretrained(path, cfg):
    """Initialise a backbone with it."""
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    Runner.from_cfg(cfg).train()


@pytest.mark.parametrize('load', [
    convert, train_from, pretrained,
    lambda path, cfg: export_classifier(cfg, path, path.parent / 'out'),
    lambda path, cfg: JTLNInferencer(cfg, str(path)),
    lambda path, cfg: image_model(cfg.model.to_dict(), str(path),
                                  lambda _: ('backbone', ), None),
    lambda path, cfg: load_tool('build_cost').build_model(
        cfg, str(path), ()),
], ids=['convert', 'load_from', 'Pretrained', 'export', 'inferencer',
        'cost builder', 'build_cost'])
def test_checkpoints(tiny_run, tmp_path, trace, load):
    """Every way to a checkpoint checks it."""
    write(tmp_path / 'checkpoint.pth', trace)
    with pytest.raises(Exception, match='[Ww]eights.only'):
        load(tmp_path / 'checkpoint.pth', tiny_run)


def test_names_in_a_cost_file_are_no_paths(tiny_run, tmp_path):
    """Class names that lead elsewhere lead nowhere."""
    names = ['../../../../pwned', str(tmp_path / 'pwned')] + [
        f'../{i}' for i in range(8)]
    for dataset in (tiny_run.train_dataloader.dataset,
                    tiny_run.val_dataloader.dataset):
        dataset.source.metainfo = dict(classes=names)
        dataset.target.dataset.metainfo = dict(classes=names)
    tiny_run.test_dataloader.dataset.metainfo = dict(classes=names)
    CostMatrix(np.random.default_rng(0).random((10, 10)), names, names,
               method='../../pwned').save(tmp_path / 'cost.npz')
    pipeline = copy.deepcopy(tiny_run.test_dataloader.dataset.pipeline)
    tiny_run.custom_hooks[1].cost = dict(
        type='mmjtln.FileCost', path=str(tmp_path / 'cost.npz'))
    tiny_run.custom_hooks.append(dict(
        type='mmjtln.PlanVisualizationHook', pipeline=pipeline))
    tiny_run.visualizer = dict(
        type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    tiny_run.train_cfg.max_epochs = 1
    Runner.from_cfg(tiny_run).train()
    assert {path.name for path in tmp_path.iterdir()} == {'cost.npz',
                                                          'work_dir'}
    assert list(tmp_path.rglob('transport_plan*.png'))
    assert not [path for path in tmp_path.rglob('*') if 'pwned' in path.name]
