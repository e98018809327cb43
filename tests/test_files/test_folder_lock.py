"""One process in a folder at a time, and a crash frees it."""
import subprocess
import sys
import textwrap

import pytest

from mmjtln.files import folder_lock
from mmjtln.files.folder_lock import lock_folder

HOLD = textwrap.dedent('''
    import sys
    from mmjtln.files.folder_lock import lock_folder
    lock = lock_folder(sys.argv[1], 'training', '--work-dir')
    print('held', flush=True)
    sys.stdin.read()  # Until it is killed.
''')


def test_second_process_is_refused_until_the_first_is_killed(
        tmp_path, monkeypatch):
    """The message says what to set; SIGKILL leaves nothing behind."""
    monkeypatch.setattr(folder_lock, '_PATIENCE', 0.2)
    with subprocess.Popen([sys.executable, '-c', HOLD, tmp_path / 'new'],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout.readline() == 'held\n'
        with pytest.raises(RuntimeError, match='set --work-dir to another'):
            lock_folder(tmp_path / 'new', 'training', '--work-dir')
        lock_folder(tmp_path / 'other', 'training', '--work-dir').release()
        process.kill()
    monkeypatch.setattr(folder_lock, '_PATIENCE', 12)
    lock_folder(tmp_path / 'new', 'training', '--work-dir').release()


def test_same_process_may_start_anew(tmp_path):
    """As in a notebook, after an error that left the lock held."""
    lock_folder(tmp_path, 'training', '--work-dir')
    again = lock_folder(tmp_path, 'training', '--work-dir')
    again.release(force=True)
    assert not again.is_locked
