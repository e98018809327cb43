"""Files that are written whole or not at all."""
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mmjtln.errors import require

_SUFFIX = '.mmjtln-partial'


def check_out(path: str | Path) -> None:
    """Refuse a folder as the file to write; asked before any work."""
    require(not Path(path).is_dir(), 'What is written is a file',
            f'but {path} is a folder', 'Name a file in it', IsADirectoryError)


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when it is complete.

    A reader sees the old file or the new one, never a part, whenever the
    writer stops: the data goes to a temporary file of the same folder, is
    synced, and is then renamed. On an error, and on Ctrl-C, the temporary
    file is removed; a process that is killed leaves it, see
    :func:`remove_partial_files`. A device or a pipe is written to as it is.

    Args:
        path (str | Path): Where to write; missing folders are created, and a
            symbolic link stays one.

    Yields:
        BinaryIO: The file.
    """
    check_out(path)
    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        with open(path, 'wb') as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp grants nobody else access; this is an ordinary file, so it gets
    # the mode that open() would have given it.
    umask = os.umask(0)
    os.umask(umask)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.name}.', suffix=_SUFFIX)
    try:
        with os.fdopen(handle, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_partial_files(folder: str | Path) -> list[Path]:
    """Remove, and return, what killed writers have left in a folder.

    Args:
        folder (str | Path): The folder; nobody may be writing in it.
    """
    partial = sorted(Path(folder).glob(f'.*{_SUFFIX}'))
    for path in partial:
        path.unlink(missing_ok=True)
    return partial


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can."""
    if os.name != 'posix':  # Windows opens no folders.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some network file systems refuse.
            os.fsync(handle)
    finally:
        os.close(handle)
