"""Configs say the same however written; class counts come from the data."""
import argparse
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from mmpretrain.apis import ModelHub

from mmjtln.apis import JTLNInferencer, export_classifier, train
from mmjtln.comparison.method_config import check_comparable
from mmjtln.hosts import load_host_tool
from mmjtln.registry import MODELS
from mmjtln.run_config import (
    OptionsAction,
    fill_class_counts,
    read_config,
    with_registered_names,
)
from tests.load_tool import run_tool
from tests.pictures import (
    SOURCE,
    TARGET,
    annotation_files,
    own_config,
    picture_folders,
)

ROOT = Path(__file__).parents[1]
#: Imports after which the types below are classes.
_IMPORTS = {
    'mmengine.dataset': ['DefaultSampler'],
    'mmengine.dataset.utils': ['default_collate'],
    'mmpretrain.datasets': ['PackInputs', 'RepeatDataset'],
    'mmpretrain.models': ['GlobalAveragePooling', 'LinearClsHead', 'ResNet'],
    'mmcv.transforms': ['Resize'],
    'mmjtln.costs': ['MKMMDCost'],
    'mmjtln.datasets': ['FewShotDataset', 'JointDataset', 'JointSampler',
                        'MNIST5k', 'UCIDigits'],
    'mmjtln.evaluation': ['DomainAccuracy'],
    'mmjtln.hooks': ['ClassCheckHook', 'CostMatrixHook'],
    'mmjtln.models': ['JTLNClassifier'],
    'mmjtln.resume': ['ResumableCheckpointHook'],
    'torch.optim': ['SGD'],
}


@pytest.fixture
def pure_python(tiny_run, tmp_path) -> Path:
    """Write the small run with imports in place of names."""
    text = tiny_run.pretty_text
    lines = []
    for module, names in _IMPORTS.items():
        found = []
        for name in names:
            for quoted in (f"type='{name}'", f"type='mmjtln.{name}'"):
                if quoted in text:
                    found.append(name)
                    text = text.replace(quoted, f'type={name}')
        if found:
            lines.append(f'from {module} import {", ".join(found)}')
    path = tmp_path / 'pure_python.py'
    path.write_text('\n'.join(lines) + '\n' + text)
    return path


def test_types_become_names(pure_python, tiny_run):
    """The text config is the oracle."""
    cfg = Config.fromfile(pure_python)
    assert not isinstance(cfg.model.type, str)
    assert with_registered_names(cfg)._cfg_dict == tiny_run._cfg_dict
    assert not isinstance(cfg.model.type, str)
    assert with_registered_names(tiny_run)._cfg_dict == tiny_run._cfg_dict


def test_models_of_mmpretrain_have_names(monkeypatch):
    """Even if no other call has asked for one before."""
    monkeypatch.setattr(ModelHub, '_models_dict', {})
    monkeypatch.setattr(ModelHub, '_ModelHub__mmpretrain_registered', False)
    assert read_config('resnet18_8xb32_in1k').model.backbone.depth == 18
    with pytest.raises(FileNotFoundError, match='resnet-nothing is neither'):
        read_config('resnet-nothing')


def test_options_keep_their_blanks():
    """What MMEngine reads from a command line, but for blanks in texts."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--own', nargs='+', action=OptionsAction)
    parser.add_argument('--host', nargs='+', action=DictAction)
    given = ['a=1', 'b=0.5,x', 'c=[(1,2),[y]]', 'd=None', 'e=true', "f='z'"]
    found = parser.parse_args(['--own', *given, '--host', *given])
    assert found.own == found.host
    found = parser.parse_args(
        ['--own', 'p=a photo of a {}', 'q=[a {}, {}, 1, None]', 'r= a  b'])
    assert found.own == dict(
        p='a photo of a {}', q=['a {}', '{}', 1, None], r='a  b')
    for name in ('train', 'test'):
        assert load_host_tool(name).DictAction is OptionsAction


def test_unregistered_class_stays(tiny_run):
    """An import path that no registry knows is none of our business."""
    tiny_run.model.backbone.type = 'pathlib.Path.home'
    tiny_run.model.neck.type = Path
    cfg = with_registered_names(tiny_run)
    assert cfg.model.backbone.type == 'pathlib.Path.home'
    assert cfg.model.neck.type is Path


def test_comparison_and_model_from_pure_python(pure_python):
    """What looks at types accepts the config, and the model builds."""
    cfg = with_registered_names(Config.fromfile(pure_python))
    check_comparable(cfg)
    assert hasattr(MODELS.build(cfg.model), 'source_head')


def test_pure_python_trains_predicts_and_exports(pure_python, tmp_path):
    """As a text config does."""
    runner = train(pure_python, train_cfg=dict(max_epochs=1))
    best = runner.message_hub.get_info('best_ckpt')
    files = export_classifier(pure_python, best, tmp_path / 'out')
    assert Config.fromfile(files['config']).model.type == 'ImageClassifier'
    inferencer = JTLNInferencer(str(pure_python), best)
    image = np.zeros((32, 32, 3), np.uint8)
    assert inferencer(image)[0]['pred_scores'].shape == (10, )


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


@pytest.mark.parametrize('line, place', [
    ("source_root = 'elsewhere'", 'train_dataloader.dataset.source.data_root'),
    ('image_size = 32', 'train_dataloader.dataset.source.pipeline.1.scale'),
    ('num_workers = 0', 'train_dataloader.num_workers')])
def test_variables_of_a_base_that_are_set_too_late(tmp_path, line, place):
    """They would be written down, and do nothing; one's own may be set.

    The error names what does it, with every tool that takes options.
    """
    path = tmp_path / 'own.py'
    path.write_text("_base_ = __import__('mmjtln').recipe("
                    f"'jtln_resnet50_folders.py')\n{line}\n")
    name = line.split()[0]
    with pytest.raises(ValueError, match=f'`{name}` is a variable of the'):
        read_config(path)
    inheriting = tmp_path / 'again.py'  # A file in between changes nothing.
    (tmp_path / 'between.py').write_text(path.read_text().split('\n')[0])
    inheriting.write_text(f"_base_ = ['./between.py']\n{line}\n")
    with pytest.raises(ValueError, match=f'`{name}` is a variable of the'):
        read_config(inheriting)
    path.write_text(path.read_text().replace(name, 'my_own'))
    assert 'my_own' in read_config(path)
    with pytest.raises(ValueError, match=f'`{name}` is a variable of the'):
        train(path, **{name: 'x'})
    options = '--cfg-options', f'{name}=x'
    for tool in (('train', path), ('test', path, 'x.pth'),
                 ('check_data', path), ('compare_methods', path),
                 ('build_cost', path, '--out', tmp_path / 'cost.npz')):
        with pytest.raises(ValueError, match=f'in .*`{place}`'):
            run_tool(*tool, *options)
    if name == 'num_workers':  # Where it stands, it works.
        path.write_text(path.read_text().replace(
            'my_own = 0', 'train_dataloader = dict(num_workers=0)'))
        assert read_config(path).train_dataloader.num_workers == 0
