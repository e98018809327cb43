"""The command line: train, resume, test, two processes, MMPretrain's tool."""
import os
import re
import subprocess
import sys
from pathlib import Path

import mmpretrain
import pytest
import torch
from mmengine.config import Config

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
    assert 'not that of' not in tested
    flipped = run(TOOLS / 'test.py', config, work_dir, '--tta',
                  '--cfg-options',
                  'test_dataloader.dataset.pipeline.0.scale=28', cwd=tmp_path)
    assert len(accuracy(flipped)) == 1
    assert 'The test pipeline is not that of' in flipped
    assert written.read_bytes() == content


def test_resume(config, tmp_path):
    """`--resume` goes on after the last epoch."""
    short = 'train_cfg.max_epochs=1'
    run(TOOLS / 'train.py', config, '--cfg-options', short, cwd=tmp_path)
    output = run(TOOLS / 'train.py', config, '--resume', cwd=tmp_path)
    assert 'resumed epoch: 1' in output
    assert (tmp_path / 'work_dirs/tiny/epoch_2.pth').is_file()


def test_no_validate(config, tmp_path):
    """`--no-validate` chooses no checkpoint and tests none."""
    output = run(
        TOOLS / 'train.py',
        config,
        '--no-validate',
        '--cfg-options',
        'default_hooks.checkpoint.save_best=None',
        cwd=tmp_path)
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
