"""MMEngine's local files, written whole or not at all."""
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmjtln.files.atomic_file import atomic_write

#: Its name in ``backend_args=dict(backend=...)``.
ATOMIC_BACKEND = 'mmjtln.atomic'


class AtomicLocalBackend(LocalBackend):
    """:class:`~mmengine.fileio.LocalBackend` with atomic writing."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes to a file, whole or not at all.

        Args:
            obj (bytes): What to write.
            filepath (str | Path): Where to; missing folders are created.
        """
        with atomic_write(filepath) as file:
            file.write(obj)

    def put_text(self, obj: str, filepath: str | Path,
                 encoding: str = 'utf-8') -> None:
        """Write text to a file, whole or not at all.

        Args:
            obj (str): What to write.
            filepath (str | Path): Where to; missing folders are created.
            encoding (str): Defaults to 'utf-8'.
        """
        self.put(obj.encode(encoding), filepath)


register_backend(ATOMIC_BACKEND, AtomicLocalBackend, force=True)
