"""Files are there whole or not at all."""
import os
import signal

import pytest

from mmjtln.files.atomic_file import atomic_write, remove_partial_files


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
