"""At no moment is there no whole checkpoint; a full disk loses none."""
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader

from mmjtln.checkpoints.reading import find_checkpoint
from mmjtln.files import atomic_file
from mmjtln.resume.atomic_checkpoint_hook import (
    CheckpointNotWrittenError,
    stop_explained,
)
from tests.test_resume.test_exact_resume import Rising  # noqa: F401  registered as a metric


def readable(path) -> bool:
    """Whether a checkpoint loads."""
    return 'state_dict' in CheckpointLoader.load_checkpoint(
        str(path), logger='silent')


class Calls(Hook):
    """Call functions at points of a run, with the runner."""

    priority = 'LOWEST'

    def __init__(self, **functions):
        for point, function in functions.items():
            setattr(self, point, lambda runner, function=function, **_:
                    function(runner))


def interrupt(runner):
    """Press Ctrl-C."""
    raise KeyboardInterrupt


def train(cfg, resume=False, **calls) -> Runner:
    """Train, and call functions on the way."""
    cfg = Config(cfg.to_dict())
    cfg.resume = resume
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Calls(**calls))
    runner.train()
    return runner


def test_second_training_in_a_folder_is_refused(tiny_run, monkeypatch):
    """Before its first step, while the first runs; afterwards none is."""
    tiny_run.train_cfg.max_epochs = 1
    monkeypatch.setattr(atomic_file, '_PATIENCE', 0.2)
    ask = [sys.executable, '-c', 'import sys; '
           'from mmjtln.files import atomic_file; '
           'atomic_file._PATIENCE = 0.2; '
           'atomic_file.lock_folder(sys.argv[1], "training", "--work-dir")',
           tiny_run.work_dir]
    shown = []

    def ask_here(runner):
        shown.append(subprocess.run(ask, capture_output=True, text=True))

    train(tiny_run, after_train_epoch=ask_here)
    assert shown[0].returncode == 1
    assert 'another training is running' in shown[0].stderr
    subprocess.run(ask, check=True)


def test_the_old_is_there_until_the_new_is(tiny_run):
    """Before each write the pointer and the best are readable files."""
    tiny_run.default_hooks.checkpoint.max_keep_ckpts = 1
    tiny_run.train_cfg.max_epochs = 3
    # Each validation is better than the one before.
    tiny_run.val_evaluator.append(dict(
        type='mmjtln.DomainMetric', domain='target',
        metric=dict(type='mmjtln.Rising')))
    tiny_run.default_hooks.checkpoint.save_best = 'target/rising/top1'
    folder, seen = Path(tiny_run.work_dir), []
    folder.mkdir()
    partial = folder / '.epoch_1.pth.abc.mmjtln-partial'
    partial.touch()

    def look(runner):
        assert not partial.exists()
        pointer = folder / 'last_checkpoint'
        if pointer.exists():
            assert readable(pointer.read_text())
        best = list(folder.glob('best_*.pth'))
        assert all(map(readable, best))
        seen.append((pointer.exists(), len(best)))

    runner = train(tiny_run, before_save_checkpoint=look)
    # Each epoch has one write, and its validation, better than all before,
    # two: the best, and the first again, which then knows of the best.
    assert seen == [(False, 0), (True, 0)] + [(True, 1)] * 7
    assert [path.name for path in folder.glob('epoch_*')] == ['epoch_3.pth']
    assert (folder / 'last_checkpoint').read_text() == str(
        folder / 'epoch_3.pth')
    best, = folder.glob('best_*')
    assert str(best) == runner.message_hub.get_info('best_ckpt')


def test_as_many_are_kept_as_asked(tiny_run):
    """Those of the latest epochs."""
    tiny_run.default_hooks.checkpoint.update(max_keep_ckpts=3, save_best=None)
    tiny_run.train_cfg.max_epochs = 4
    train(tiny_run)
    assert {path.name for path in Path(tiny_run.work_dir).glob('*.pth')} == {
        f'epoch_{number}.pth' for number in (2, 3, 4)}


@contextmanager
def full_file_system(folder: Path):
    """Mount a small file system; yields what fills and what clears it."""
    def fill(runner):
        if runner.epoch == 1:
            with open(folder / 'filler', 'wb') as file:
                room = os.statvfs(folder)
                file.write(bytes(room.f_bavail * room.f_bsize - 200_000))

    try:
        yield fill, (folder / 'filler').unlink
    finally:
        # The run's log file is still open.
        subprocess.run(['umount', '--lazy', folder], check=True)


@contextmanager
def file_size_limit():
    """Limit the size of files, as a quota does; needs no rights."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def lower(runner):
        if runner.epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))

    def raise_again():
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    try:
        yield lower, raise_again
    finally:
        raise_again()


def test_full_disk(tiny_run, tmp_path):
    """The run stops, says what still stands, and goes on with more room.

    On a full file system where one may be mounted, else with a quota.
    """
    folder = tmp_path / 'disk'
    folder.mkdir()
    tiny_run.work_dir = str(folder / 'run')
    tiny_run.default_hooks.checkpoint.update(max_keep_ckpts=1)
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder],
        capture_output=True).returncode == 0
    disk = full_file_system(folder) if mounted else file_size_limit()
    reason = 'No space left' if mounted else 'File too large'
    with disk as (fill, clear):
        with pytest.raises(CheckpointNotWrittenError, match=reason) as error:
            train(tiny_run, before_train_epoch=fill)
        last = str(folder / 'run/epoch_1.pth')
        assert f'The last checkpoint is {last}' in str(error.value)
        assert '--resume' in str(error.value)
        assert Path(tiny_run.work_dir, 'last_checkpoint').read_text() == last
        assert readable(last)
        assert not list(folder.glob('run/.*-partial')) + list(
            folder.glob('run/epoch_2*'))
        clear()
        assert train(tiny_run, resume=True).iter == 6


@pytest.fixture
def heeds_ctrl_c():
    """Heed Ctrl-C also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('heeds_ctrl_c')
@pytest.mark.parametrize('number, outcome', [
    (signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_signals(tiny_run, capsys, number, outcome):
    """Ctrl-C and SIGTERM name the checkpoint to go on from."""
    before = signal.getsignal(number)

    def stop(runner):
        if runner.iter == 4:
            os.kill(os.getpid(), number)

    with pytest.raises(outcome), stop_explained(tiny_run.work_dir):
        train(tiny_run, before_train_iter=stop)
    printed = capsys.readouterr().out
    assert 'Stopped.' in printed
    assert f'{tiny_run.work_dir}/epoch_1.pth' in printed
    assert signal.getsignal(number) == before


def test_a_used_work_directory(tiny_run):
    """A plain rerun has one best checkpoint, its own; nothing is lost."""
    folder = Path(tiny_run.work_dir)
    train(tiny_run)
    before = {path.name: path.read_bytes() for path in folder.glob('*.pth')}
    assert len(before) == 3
    # One that is stopped before its first checkpoint has changed nothing.
    with pytest.raises(KeyboardInterrupt):
        train(tiny_run, before_train_epoch=interrupt)
    assert not (folder / 'former_1').exists()

    tiny_run.randomness.seed = 7
    train(tiny_run)
    best, = folder.glob('best_*')
    assert find_checkpoint(folder) == str(best)
    assert before == {path.name: path.read_bytes()
                      for path in (folder / 'former_1').glob('*.pth')}
    assert readable(folder / 'former_1')

    # Without a best one, the last stands for the run; resumed, none moves.
    tiny_run.default_hooks.checkpoint.save_best = None
    tiny_run.train_cfg.max_epochs = 1
    train(tiny_run)
    assert find_checkpoint(folder) == str(folder / 'epoch_1.pth')
    tiny_run.train_cfg.max_epochs = 2
    train(tiny_run, resume=True)
    assert find_checkpoint(folder) == str(folder / 'epoch_2.pth')
    assert not (folder / 'former_3').exists()
