"""One run in a folder at a time."""
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from mmjtln.errors import refusal

#: Seconds in which the loader workers of a killed run notice and end: they
#: hold what it held.
_PATIENCE = 12


def lock_folder(folder: str | Path, what: str, option: str) -> BaseFileLock:
    """Keep other processes from running in a folder, made if it is missing."""
    # A process that asks again has it already: a notebook can start anew.
    Path(folder).mkdir(parents=True, exist_ok=True)
    lock = FileLock(Path(folder) / '.lock', is_singleton=True)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise refusal(
            f'A folder takes one {what} at a time',
            f'but another {what} is running in {folder}',
            f'Wait until it has ended, or set {option} to another folder',
            RuntimeError) from None
    return lock
