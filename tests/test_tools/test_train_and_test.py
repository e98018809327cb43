"""The command line: train, resume, test, two processes, MMPretrain's tool."""
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mmpretrain
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from tests.load_tool import run_tool

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / 'tools'
HOST_TRAIN = Path(mmpretrain.__file__).parent / '.mim/tools/train.py'


def run(*command, cwd, torchrun=False) -> str:
    """Run a Python script as a user would and return what it prints."""
    # --standalone takes a port that is free.
    launcher = ['-m', 'torch.distributed.run', '--nproc_per_node=2',
                '--standalone'] if torchrun else []
    result = subprocess.run(
        [sys.executable, *launcher, *map(str, command)], cwd=cwd,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout[-3000:]
    return result.stdout


def accuracy(output: str) -> list[float]:
    """Return every target accuracy on the test set that was printed."""
    return [
        float(value) for value in re.findall(
            r'Epoch\(test\) \[\d+/\d+\]\s+target/accuracy/top1: ([\d.]+)',
            output)
    ]


@pytest.fixture
def called(tmp_path, monkeypatch, capfd) -> Callable:
    """Return what calls a tool in this process and returns what it prints."""
    monkeypatch.chdir(tmp_path)

    def call(name, *arguments):
        run_tool(name, *arguments)
        return ''.join(capfd.readouterr())

    return call


@pytest.fixture
def config(tiny_run, tmp_path) -> Path:
    """Write the small run as the config file of a user."""
    tiny_run.log_level = 'INFO'
    tiny_run.custom_imports = dict(imports=['mmjtln'])
    tiny_run.pop('work_dir')
    path = tmp_path / 'tiny.py'
    tiny_run.dump(path)
    return path


def test_train_then_test(config, tmp_path):
    """Training ends with the accuracy that testing its best prints."""
    trained = run(TOOLS / 'train.py', config, cwd=tmp_path)
    for key in ('eta:', 'target_loss', 'source_loss', 'ot_loss', 'ot_cost'):
        assert key in trained
    work_dir = tmp_path / 'work_dirs/tiny'
    written, = work_dir.glob('*.py')
    content = written.read_bytes()
    # What was run: it did not start from what it has made.
    assert Config.fromfile(written).get('load_from') is None
    tested = run(TOOLS / 'test.py', config, work_dir, cwd=tmp_path)
    assert accuracy(trained) == accuracy(tested) != []
    assert 'Images are not read as' not in tested
    flipped = run(TOOLS / 'test.py', config, work_dir, '--tta',
                  '--cfg-options',
                  'test_dataloader.dataset.pipeline.0.scale=28', cwd=tmp_path)
    assert len(accuracy(flipped)) == 1
    assert 'Images are not read as' in flipped
    assert written.read_bytes() == content


def test_flips_of_every_test_set(tiny_run, tmp_path, monkeypatch, capsys):
    """`--tta` scores an image and its mirror image, wrapped or joint.

    Of images that are their own mirror images, it changes nothing.
    """
    monkeypatch.chdir(tmp_path)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(tiny_run.model)
    torch.save(dict(state_dict=model.state_dict()), 'model.pth')
    joint, plain = (tiny_run.val_dataloader.dataset,
                    tiny_run.test_dataloader.dataset)
    both = [dict(type='RandomFlip', prob=1.), dict(type='RandomFlip', prob=0.)]
    for dataset, evaluator, own in (
            (plain, tiny_run.test_evaluator, False),
            (joint, tiny_run.val_evaluator, False),
            (dict(type='RepeatDataset', times=2, dataset=joint.target),
             tiny_run.test_evaluator, True)):
        tiny_run.test_dataloader.dataset = dataset
        tiny_run.test_evaluator = evaluator
        tiny_run.tta_model = dict(type='AverageClsScoreTTA')
        if own:
            tiny_run.tta_pipeline = [
                dict(type='Resize', scale=32),
                dict(type='TestTimeAug',
                     transforms=[both, [dict(type='PackInputs')]])]
        tiny_run.dump('config.py')
        found = []
        for flags in ((), ('--tta', )):
            run_tool('test', 'config.py', 'model.pth', *flags, '--out',
                     'out.pkl', '--out-item', 'pred')
            found.append([(row['pred_score'], row['gt_label'].item())
                          for row in load('out.pkl')])
        once, flipped = found
        assert [label for _, label in once] == [
            label for _, label in flipped]
        change = max((one - other).abs().max() for (one, _), (other, _) in
                     zip(once, flipped, strict=True))
        assert change > 1e-4


def test_annotation_lines(tiny_run, tmp_path, monkeypatch):
    """A test names file and line, too."""
    (tmp_path / 'val.txt').write_text('a.jpg 0\nb.jpg\t1\n')
    tiny_run.test_dataloader.dataset = dict(
        type='CustomDataset', ann_file=str(tmp_path / 'val.txt'),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')])
    tiny_run.dump(tmp_path / 'config.py')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match='test data set.*line 2 of .*val.txt'):
        run_tool('test', 'config.py', 'model.pth')


def test_resume(config, tmp_path, called):
    """`--resume` goes on after the last epoch."""
    short = 'train_cfg.max_epochs=1'
    called('train', config, '--cfg-options', short)
    output = called('train', config, '--resume')
    assert 'resumed epoch: 1' in output
    assert (tmp_path / 'work_dirs/tiny/epoch_2.pth').is_file()


def test_no_validate(config, called):
    """`--no-validate` chooses no checkpoint and tests none."""
    output = called('train', config, '--no-validate', '--cfg-options',
                    'default_hooks.checkpoint.save_best=None')
    assert accuracy(output) == []
    assert 'Epoch(val)' not in output


@pytest.mark.skipif(torch.cuda.is_available(), reason='for machines without')
def test_two_processes_on_cpu(config, tmp_path):
    """Torchrun trains and tests with gloo; both ranks hold one cost."""
    output = run(
        TOOLS / 'train.py',
        config,
        '--launcher',
        'pytorch',
        cwd=tmp_path,
        torchrun=True)
    assert len(accuracy(output)) == 1
    assert (tmp_path / 'work_dirs/tiny/cost_matrix.npz').is_file()


@pytest.mark.skipif(
    not HOST_TRAIN.is_file(), reason='MMPretrain was not installed as a wheel')
def test_mmpretrains_own_tool(config, tmp_path):
    """MMPretrain's tools/train.py runs our configs too."""
    run(HOST_TRAIN, config, '--no-pin-memory', '--no-persistent-workers',
        cwd=tmp_path)
    assert list((tmp_path / 'work_dirs/tiny').glob('best_target*.pth'))
