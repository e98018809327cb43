"""Splitting pictures, and a stock config for MMPretrain's own tools."""
import shutil
from pathlib import Path

import mmpretrain
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.load_tool import run_tool
from tests.pictures import SOURCE, own_config, picture_folders

SPLIT = 'dataset_converters/split_pictures'
HOST_TOOLS = Path(mmpretrain.__file__).parent / '.mim/tools'


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Be where pictures and an own config are."""
    picture_folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    return own_config(tmp_path, 'jtln_resnet50_folders.py')


def names(folder: str) -> set[str]:
    """Return class and name of the pictures in a folder."""
    return {f'{path.parent.name}/{path.name}'
            for path in Path(folder).rglob('*.png')}


def test_split(here):
    """Parts are disjoint, hold all pictures, and depend on the seed alone."""
    for out, seed in (('a', 0), ('b', 0), ('c', 1)):
        run_tool(SPLIT, 'data/source', out, '--train', '2', '--val',
                 '1', '--seed', seed)
    parts = [names(f'a/{part}') for part in ('train', 'val', 'test')]
    assert [len(part) for part in parts] == [6, 3, 3]
    assert set.union(*parts) == names('data/source')
    for part in ('train', 'val', 'test'):
        assert {path.name for path in Path('a', part).iterdir()} == set(SOURCE)
        assert names(f'a/{part}') == names(f'b/{part}')
    assert any(names(f'a/{part}') != names(f'c/{part}')
               for part in ('train', 'val', 'test'))
    assert (Path('a/val') / sorted(names('a/val'))[0]).read_bytes() == (
        Path('data/source') / sorted(names('a/val'))[0]).read_bytes()


def test_split_refuses(here):
    """Too few pictures, folders of no classes, where it would be one."""
    for folder, out, word in (
            ('data/source', 'new', "'circle' has 4"),
            ('data/source/circle', 'new', 'Give each class a folder'),
            ('data/target', 'new', "'train', 'val' in data/target are taken"),
            ('data/source', 'data/source/new', 'lies outside'),
            ('data/source', 'data', 'exists already')):
        with pytest.raises(ValueError, match=word):
            run_tool(SPLIT, folder, out, '--train', '3', '--val', '1')
    circles = sorted(Path('data/source/circle').iterdir())
    shutil.copy(circles[0], 'data/source/circle/new.png')
    with pytest.raises(ValueError, match='1 are copies'):
        run_tool(SPLIT, 'data/source', 'new', '--train', '2', '--val', '1')
    assert not Path('new').exists()


def test_stock_config(here, capsys):
    """It trains as a stock run, and MMPretrain's tools take it.

    Few images drawn are none of their business.
    """
    cfg = Config.fromfile(here)
    target = cfg.train_dataloader.dataset.target
    cfg.train_dataloader.dataset.target = dict(
        type='mmjtln.FewShotDataset', shots=2, dataset=target)
    cfg.dump('few.py')
    run_tool('stock_config', 'few.py', 'target.py')
    run_tool('stock_config', 'few.py', 'source.py',
             '--domain', 'source')
    assert '_scope_' not in Path('target.py').read_text()
    for domain, classes, images in (('target', 2, 6), ('source', 3, 12)):
        stock = Config.fromfile(f'{domain}.py')
        assert stock.model.type == 'ImageClassifier'
        assert stock.model.head.num_classes == classes
        assert 'source_head' not in stock.model
        stock.update(work_dir=domain, log_level='WARNING')
        stock.train_cfg.max_epochs = 1
        for split in ('train', 'val', 'test'):
            if stock.get(f'{split}_dataloader'):
                stock[f'{split}_dataloader'].collate_fn = dict(
                    type='default_collate')
        runner = Runner.from_cfg(stock)
        runner.train()
        assert len(runner.train_dataloader.dataset) == images
    if HOST_TOOLS.is_dir():
        run_tool(HOST_TOOLS / 'visualization/browse_dataset', 'target.py',
                 '-o', 'browsed', '-m', 'original', '--not-show')
        assert len(list(Path('browsed').iterdir())) == 3  # Names come twice.
        run_tool(HOST_TOOLS / 'misc/verify_dataset', 'target.py',
                 '--num-process', '1')
        assert 'no broken file' in capsys.readouterr().out


def test_stock_config_refuses(tiny_run, tmp_path):
    """The config of a stock run needs no other."""
    tiny_run.train_dataloader.dataset = tiny_run.test_dataloader.dataset
    tiny_run.dump(tmp_path / 'run.py')
    with pytest.raises(ValueError, match='needs no other'):
        run_tool('stock_config', tmp_path / 'run.py',
                 tmp_path / 'out.py')
    assert not (tmp_path / 'out.py').exists()
