"""Files are there whole or not at all; one run at a time is in a folder."""
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from mmjtln.files import atomic_file
from mmjtln.files.atomic_file import (
    atomic_write,
    check_out,
    lock_folder,
    remove_partial_files,
    write_together,
)

HOLD = textwrap.dedent('''
    import sys
    from mmjtln.files.atomic_file import lock_folder
    lock = lock_folder(sys.argv[1], 'training', '--work-dir')
    print('held', flush=True)
    sys.stdin.read()  # Until it is killed.
''')


def write(path, *parts, then=None):
    with atomic_write(path) as file:
        for part in parts:
            file.write(part)
        if then:
            file.flush()
            then()


def test_replaces_whole(tmp_path):
    """The new content takes the place of the old, with an ordinary mode."""
    path = tmp_path / 'new folder' / 'file'
    write(path, b'old')
    write(path, b'ne', b'w')
    assert path.read_bytes() == b'new'
    plain = tmp_path / 'plain'
    plain.write_bytes(b'')
    assert path.stat().st_mode == plain.stat().st_mode
    assert os.listdir(path.parent) == ['file']


def test_a_link_stays_a_link(tmp_path):
    """What it names is written, also where that is not there yet."""
    (tmp_path / 'link').symlink_to('there/file')
    for content in (b'old', b'new'):
        write(tmp_path / 'link', content)
        assert (tmp_path / 'there' / 'file').read_bytes() == content
    assert (tmp_path / 'link').is_symlink()


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs pipes')
def test_devices_and_pipes_are_written_to(tmp_path):
    """They stay what they are, and say when they are full."""
    pipe, found = tmp_path / 'pipe', []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write(pipe, b'a', b'b')
    reader.join()
    assert found == [b'ab'] and pipe.is_fifo()
    done = subprocess.run(
        [sys.executable, '-c', 'from mmjtln.files.atomic_file import *\n'
         "with atomic_write('/dev/stdout') as file: file.write(b'it')"],
        stdout=subprocess.PIPE)
    assert (done.stdout, done.returncode) == (b'it', 0)
    (tmp_path / 'full').symlink_to('/dev/full')
    with pytest.raises(OSError, match='No space'):
        write(tmp_path / 'full', b'a')
    assert stat.S_ISCHR(os.stat('/dev/full').st_mode)


def test_a_folder_is_refused(tmp_path):
    for ask in (check_out, write):
        with pytest.raises(IsADirectoryError, match='Name a file in it'):
            ask(tmp_path)
    assert not os.listdir(tmp_path)


def test_what_cannot_be_written_is_said_before_any_work(tmp_path):
    (tmp_path / 'file').touch()
    check_out(tmp_path / 'new/deep/file')
    with pytest.raises(NotADirectoryError, match='file is none'):
        check_out(tmp_path / 'file/new/it')


@pytest.mark.parametrize('error', [OSError, KeyboardInterrupt])
def test_error_leaves_the_old(tmp_path, error):
    """An error, or Ctrl-C, leaves the old content and nothing else."""
    path = tmp_path / 'file'
    write(path, b'old')

    def stop():
        raise error

    with pytest.raises(error):
        write(path, b'new', then=stop)
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file']


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_killed_writer(tmp_path):
    """A killed writer leaves the old content, and a part to be removed."""
    path = tmp_path / 'file'
    write(path, b'old')
    child = os.fork()
    if child == 0:
        write(path, b'new', then=lambda: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(child, 0)
    assert path.read_bytes() == b'old'
    (tmp_path / '.hidden').touch()
    part, = remove_partial_files(tmp_path)
    assert part.name.startswith('.file.')
    assert sorted(os.listdir(tmp_path)) == ['.hidden', 'file']


OLD = {'config': b'old', 'model': b'old', 'onnx': b'old'}
NEW = {'config': b'new', 'model': b'new'}
OUTDATED = {'onnx': None, 'table': 'table before'}


def until_killed(function, left):
    """Return it, of a process that ends when none is left."""
    def call(*args, **kwargs):
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        function(*args, **kwargs)
    return call


def content(folder) -> dict:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
@pytest.mark.parametrize('there', [True, False])
def test_killed_between_files(tmp_path, there):
    """Whenever it is, old and new files do not stand together."""
    folder, seen = tmp_path / 'out', set()
    for last in range(9):
        shutil.rmtree(folder, ignore_errors=True)
        if there:
            write_together(folder, OLD, {})
            (folder / 'table').write_bytes(b'old')
            (folder / "a user's").write_bytes(b'kept')
        child = os.fork()
        if child == 0:
            left = iter(range(last))
            for name in ('replace', 'unlink', 'rmdir'):
                setattr(os, name, until_killed(getattr(os, name), left))
            write_together(folder, NEW, OUTDATED)
            os._exit(0)
        os.waitpid(child, 0)
        found = content(folder) if folder.exists() else {}
        assert found.pop("a user's", b'kept') == b'kept'
        assert found.pop('table before', b'old') == b'old'
        assert len({*found.values()}) <= 1
        if not there:
            assert found in ({}, NEW)
        seen.add(frozenset(found.values()))
    assert {frozenset({b'new'})} < seen
    # What was left is cleared by the next.
    write_together(folder, NEW, OUTDATED)
    assert os.listdir(tmp_path) == ['out']
    assert NEW.items() <= content(folder).items()


def test_no_room_leaves_all_old(tmp_path, monkeypatch):
    """Until the last file is written, nothing is touched."""
    folder, synced = tmp_path / 'out', []
    write_together(folder, OLD, {})

    def full(handle):
        synced.append(handle)
        if len(synced) > 2:
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space'):
        write_together(folder, NEW, OUTDATED)
    assert len(synced) == 3 and content(folder) == OLD
    assert os.listdir(tmp_path) == ['out']


def test_second_process_is_refused_until_the_first_is_killed(
        tmp_path, monkeypatch):
    """The message says what to set; SIGKILL leaves nothing behind."""
    monkeypatch.setattr(atomic_file, '_PATIENCE', 0.2)
    with subprocess.Popen([sys.executable, '-c', HOLD, tmp_path / 'new'],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout.readline() == 'held\n'
        with pytest.raises(RuntimeError, match='set --work-dir to another'):
            lock_folder(tmp_path / 'new', 'training', '--work-dir')
        lock_folder(tmp_path / 'other', 'training', '--work-dir').release()
        process.kill()
    monkeypatch.setattr(atomic_file, '_PATIENCE', 12)
    lock_folder(tmp_path / 'new', 'training', '--work-dir').release()


def test_same_process_may_start_anew(tmp_path):
    """As in a notebook, after an error that left the lock held."""
    lock_folder(tmp_path, 'training', '--work-dir')
    again = lock_folder(tmp_path, 'training', '--work-dir')
    again.release(force=True)
    assert not again.is_locked
