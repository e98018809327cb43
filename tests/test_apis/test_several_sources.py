"""Everything works with two sources of different classes."""
import copy

import numpy as np
import pytest
import torch

from mmjtln.apis import train
from mmjtln.comparison.method_config import source_config
from mmjtln.costs import CostMatrix
from mmjtln.export import export_classifier
from tests.test_apis.test_class_list_source import (
    assert_two_processes_are_one,
)
from tests.test_resume.test_exact_resume import go


@pytest.fixture
def two_sources(tiny_run):
    """Return a run whose sources are six and five classes, one of both."""
    pipeline = tiny_run.test_dataloader.dataset.pipeline
    names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven',
             'eight', 'nine']
    digits = dict(type='mmjtln.UCIDigits', split='val', pipeline=pipeline)
    source = dict(
        type='mmjtln.UnionDataset',
        draw=[1, 1],
        datasets=[
            dict(type='mmjtln.ClassSubset', classes=names[:6],
                 dataset=digits),
            dict(type='mmjtln.ClassSubset', classes=names[5:],
                 dataset=digits)
        ])
    for loader in (tiny_run.train_dataloader, tiny_run.val_dataloader):
        loader.dataset.source = dict(copy.deepcopy(source), _delete_=True)
        loader.dataset.source.pop('_delete_', None)
    tiny_run.model.ot_loss = dict(tol=1e-6)
    return tiny_run


def test_training(two_sources):
    """One head over the union; each source has its accuracy in the log."""
    runner = train(two_sources)
    logged = {name: history.data[0][-1] for name, history in
              runner.message_hub.log_scalars.items()}
    sources = [logged[f'val/source/accuracy/{name}/top1']
               for name in ('UCIDigits_1', 'UCIDigits_2')]
    whole = logged['val/source/accuracy/top1']
    sizes = [len(part)
             for part in runner.val_dataloader.dataset.source.datasets]
    assert whole == pytest.approx(np.average(sources, weights=sizes),
                                  abs=1e-4)
    cost = CostMatrix.load(f'{runner.work_dir}/cost_matrix.npz')
    assert cost.source_classes == ('zero', 'one', 'two', 'three', 'four',
                                   'five', 'six', 'seven', 'eight', 'nine')


def test_resume(two_sources):
    """Stopped and gone on: the same bits; another draw is refused."""
    peace = go(two_sources, 'peace').model.state_dict()
    go(two_sources, 'stopped', step=4)
    other = copy.deepcopy(two_sources)
    other.train_dataloader.dataset.source.draw = None
    other.resume, other.work_dir = True, f'{other.work_dir}/stopped'
    with pytest.raises(ValueError, match='source.draw.0`: 1 then, none now'):
        train(other)
    found = go(two_sources, 'stopped', resume=True).model.state_dict()
    for key, value in peace.items():
        assert torch.equal(value, found[key]), key


def test_two_processes_are_one(two_sources, tmp_path):
    assert_two_processes_are_one(two_sources, tmp_path)


def test_export_and_the_source_of_a_comparison(two_sources, tmp_path):
    source = two_sources.train_dataloader.dataset.source
    two_sources.train_dataloader.dataset.source = source.datasets
    two_sources.val_dataloader.dataset.source = source.datasets
    runner = train(two_sources)
    files = export_classifier(two_sources, f'{runner.work_dir}/epoch_2.pth',
                              tmp_path / 'out', 'source')
    meta = torch.load(files['checkpoint'], weights_only=True)['meta']
    assert len(meta['dataset_meta']['classes']) == 10
    stock = train(source_config(two_sources, 0),
                  work_dir=str(tmp_path / 'source'))
    assert stock.model.head.num_classes == 10 and stock.iter == 6
