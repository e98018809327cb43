"""Class counts that a config leaves open come from the data."""
import shutil

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmjtln.apis import train
from mmjtln.run_config import fill_class_counts
from tests.pictures import (
    SOURCE,
    TARGET,
    annotation_files,
    own_config,
    picture_folders,
)


@pytest.mark.parametrize('recipe, write', [
    ('jtln_resnet50_folders.py', picture_folders),
    ('jtln_resnet50_annotations.py', annotation_files),
])
def test_recipe_trains_on_own_pictures(recipe, write, tmp_path, monkeypatch):
    """The config that the run writes down holds numbers and names.

    It is a whole config, without a recipe to inherit from, and what was
    trained is predicted with where there is no training data.
    """
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    path = own_config(tmp_path, recipe)
    runner = train(path, log_level='WARNING')
    assert runner.iter == 4
    written = Config.fromfile(tmp_path / 'work_dirs/my_config/my_config.py')
    assert written.model.head.num_classes == 2
    assert written.model.source_head.num_classes == 3
    assert written.class_names == dict(
        source=list(SOURCE), target=list(TARGET))
    assert runner.model.head.fc.out_features == 2

    best = runner.message_hub.get_info('best_ckpt')
    shutil.rmtree(tmp_path / 'data/source')
    cfg = fill_class_counts(Config.fromfile(path), best)
    assert cfg.model == written.model
    cfg.update(load_from=best, work_dir='test', log_level='WARNING')
    for part in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                 'param_scheduler', 'val_dataloader', 'val_cfg',
                 'val_evaluator'):
        cfg.pop(part)
    cfg.test_dataloader.collate_fn = dict(type='default_collate')
    assert 'target/accuracy/top1' in Runner.from_cfg(cfg).test()


def test_folders_by_environment(tmp_path, monkeypatch):
    """SOURCE and TARGET name folders anywhere, MMEngine's own syntax."""
    picture_folders(tmp_path)
    monkeypatch.chdir(tmp_path / 'data')
    monkeypatch.setenv('SOURCE', 'source')
    monkeypatch.setenv('TARGET', str(tmp_path / 'data/target'))
    path = own_config(tmp_path, 'jtln_resnet50_folders.py')
    cfg = fill_class_counts(Config.fromfile(path))
    assert cfg.model.source_head.num_classes == 3
    assert cfg.model.head.num_classes == 2


def test_named_numbers_stay(tiny_run):
    """The class check compares them; no data set is built for them."""
    tiny_run.train_dataloader.dataset = dict(type='NoSuchDataset')
    before = tiny_run.pretty_text
    assert fill_class_counts(tiny_run).pretty_text == before


def test_one_number_can_be_open(tiny_run):
    """The other stays as it is."""
    tiny_run.model.source_head.num_classes = None
    tiny_run.model.head.num_classes = 11
    fill_class_counts(tiny_run)
    assert tiny_run.model.source_head.num_classes == 10
    assert tiny_run.model.head.num_classes == 11


def test_nothing_tells(tiny_run, tmp_path):
    """Neither a checkpoint without names nor a config without data does."""
    tiny_run.model.head.num_classes = None
    tiny_run.train_dataloader = None
    torch.save(dict(state_dict={}), tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='Set `model.head.num_classes`'):
        fill_class_counts(tiny_run, str(tmp_path / 'x.pth'))
