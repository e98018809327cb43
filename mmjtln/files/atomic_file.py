"""Files that are written whole or not at all, and one run in a folder."""
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import BaseFileLock, FileLock, Timeout

from mmjtln.errors import refusal, require

_SUFFIX = '.mmjtln-partial'
#: Seconds in which the loader workers of a killed run notice and end.
_PATIENCE = 12


def check_out(path: str | Path) -> None:
    """Refuse a file that cannot be written; asked before any work."""
    path = Path(path)
    require(not path.is_dir(), 'What is written is a file',
            f'but {path} is a folder', 'Name a file in it', IsADirectoryError)
    home = next(home for home in path.absolute().parents if home.exists())
    require(path.exists() or home.is_dir() and os.access(home, os.W_OK),
            'What is written is in a folder that can be written to', f'but '
            f'{home} is none', 'Name another place', NotADirectoryError)


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when it is complete.

    A reader sees the old file or the new one, never a part, whenever the
    writer stops: the data goes to a temporary file of the same folder, is
    synced, and is then renamed. A process that is killed leaves it, see
    :func:`remove_partial_files`. Missing folders are made, a symbolic link
    stays one, and a device or a pipe is written to as it is.
    """
    check_out(path)
    path = Path(path)
    if path.exists() and not path.is_file():
        with open(path, 'wb') as file:
            yield file
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.name}.', suffix=_SUFFIX)
    try:
        with os.fdopen(handle, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _grant(temporary, 0o666)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_together(folder: str | Path, contents: Mapping[str, bytes],
                   outdated: Mapping[str, str | None]) -> None:
    """Write the files of a folder, all of them or none.

    They are written into a folder beside it, which takes its name. Where it
    is there already, its outdated files go first, so that none stands beside
    a new one: ``outdated`` says what each is renamed to, None to remove it.
    """
    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_partial_files(folder.parent, f'.{folder.name}.')
    temporary = Path(tempfile.mkdtemp(
        dir=folder.parent, prefix=f'.{folder.name}.', suffix=_SUFFIX))
    try:
        for name, content in contents.items():
            with atomic_write(temporary / name) as file:
                file.write(content)
        if not folder.exists():
            _grant(temporary, 0o777)
            os.replace(temporary, folder)
        else:
            for name, other in {**outdated, **dict.fromkeys(contents)}.items():
                if other and (folder / name).exists():
                    os.replace(folder / name, folder / other)
                (folder / name).unlink(missing_ok=True)
            for name in contents:
                os.replace(temporary / name, folder / name)
            _sync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _sync_folder(folder.parent)


def lock_folder(folder: str | Path, what: str, option: str) -> BaseFileLock:
    """Keep other processes from running in a folder, made if it is missing."""
    # A process that asks again has it already: a notebook can start anew.
    Path(folder).mkdir(parents=True, exist_ok=True)
    lock = FileLock(Path(folder) / '.lock', is_singleton=True)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise refusal(f'A folder takes one {what} at a time', 'but another '
                      f'{what} is running in {folder}', 'Wait until it has '
                      f'ended, or set {option} to another folder',
                      RuntimeError) from None
    return lock


def remove_partial_files(folder: str | Path, start: str = '.') -> list[Path]:
    """Remove, and return, what killed writers have left in a folder."""
    partial = sorted(path for path in Path(folder).glob(f'.*{_SUFFIX}')
                     if path.name.startswith(start))
    for path in partial:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return partial


def _grant(path: str | Path, mode: int) -> None:
    """Give a temporary file the mode that an ordinary one would have."""
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, mode & ~umask)


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
