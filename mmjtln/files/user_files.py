"""Files that a user gives: read here, and named where they are damaged."""
import csv
import hashlib
import logging
import os
import pickle
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unicodedata import normalize

import mmcv
from mmengine.logging import print_log
from PIL import Image
from torchvision.datasets import folder

from mmjtln.errors import require, told

#: Of files that are taken for images.
IMG_EXTENSIONS = (*folder.IMG_EXTENSIONS, '.jfif', '.jpe')
_LONGEST = 300
#: Folders that programs leave behind without a dot before their name.
_LEFT_BEHIND = ('__MACOSX', '__pycache__', '@eaDir', 'lost+found')
#: Files of an unknown extension that are tried, to see if they are images.
_TRIED = 3
#: Kinds of images that OpenCV cannot decode, or only where it was built so.
UNDECODED = ('.avif', '.gif', '.heic', '.heif', '.jxl', '.svg')
_SEPARATORS = {',': 'commas', '\t': 'tabs'}
#: What an error means of the file: the first kind that it is of.
_CAUSES = (
    (RecursionError, 'it is nested too deeply'),
    (MemoryError, 'it asks for more memory than there is ({})'),
    ((FileNotFoundError, IsADirectoryError, PermissionError),
     'it cannot be read ({})'),
    ((EOFError, OSError, zipfile.BadZipFile, zlib.error),
     'it is cut off or damaged ({})'),
    ((ValueError, AssertionError), '{}'))


@contextmanager
def reading(path: Any, what: str, remedy: str) -> Iterator[None]:
    """Raise a ValueError, naming the file, for all that a damaged one causes.

    Libraries raise errors of many kinds, few of which say which file it was.
    """
    try:
        yield
    except Exception as error:  # From csv.Error to RecursionError.
        raise told(f'{path} is not a valid {what}: {_cause(error)}. {remedy}'
                   ) from error


def read_rows(path: str | Path, what: str,
              delimiter: str = ',') -> list[tuple[int, list[str]]]:
    """Read a UTF-8 table: line, from 1, and cells of rows with any text."""
    path = existing(path, what)
    parted = _SEPARATORS.get(delimiter, repr(delimiter))
    with reading(path, what, f'Save it as a table in UTF-8, its cells parted '
                 f'by {parted}.'):
        with open(path, newline='', encoding='utf-8-sig') as file:
            reader = csv.reader(file, delimiter=delimiter)
            rows = [(reader.line_num, row) for row in reader
                    if any(cell.strip() for cell in row)]
        first = next((row for _, row in rows if not row[0].startswith('#')),
                     None)
        if first and len(first) == 1:
            for other in sorted({';', ',', '\t'} - {delimiter}):
                if other in first[0]:
                    raise ValueError(
                        f'its cells seem to be parted by {other!r}, not '
                        f'{delimiter!r} ({first[0][:40]!r})')
    return [(number, [spelled(cell.strip()) for cell in row])
            for number, row in rows]


def spelled(text: str) -> str:
    """Compose accents: some systems write them as letters of their own."""
    return normalize('NFC', text)


def existing(path: str | Path, what: str) -> Path:
    """Return the path of a file that must be there."""
    path = Path(path)
    require(path.is_file(), f'A {what} is read from a file', 'but there is no '
            f'{what} at {path}', 'Correct the path', FileNotFoundError)
    return path


def _cause(error: Exception) -> str:
    """Say what an error means of the file that caused it."""
    text = next(iter(str(error).strip().splitlines()), '')[:_LONGEST]
    text = text.rstrip('.') or type(error).__name__
    if isinstance(error, UnicodeDecodeError):
        return (f'it is not in UTF-8 (byte 0x{error.object[error.start]:02x} '
                f'at place {error.start}), but in another encoding such as '
                'Latin-1, or no text')
    if isinstance(error, pickle.UnpicklingError):
        # torch's own text advises to switch the check off.
        asked = re.search(r'(?:GLOBAL|asks for) ([^ ]+?)[,.]*(?: |$)',
                          str(error))
        return 'it is damaged, or of another kind' if asked is None else (
            f'weights only may be in it, but it asks for {asked[1]}, which '
            'could run code')
    for kinds, cause in _CAUSES:
        if isinstance(error, kinds):
            return cause.format(text)
    return f'it is damaged ({type(error).__name__}: {text})'


def walk(root: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Go through a folder as os.walk does, and through those linked in it."""
    for home, folders, names in os.walk(root, followlinks=True):
        above = map(os.path.realpath, Path(home).parents)
        if home != str(root) and os.path.realpath(home) in above:
            folders.clear()  # A link back to where it lies.
        else:
            yield home, folders, names


def is_left_behind(name: str) -> bool:
    """Whether a file or folder is hidden, or a program's, not the user's."""
    return name.startswith('.') or name in _LEFT_BEHIND


def left_out(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Find the images among files of other extensions, by extension."""
    found = defaultdict(list)
    for file in files:
        found[file.suffix.lower()].append(file)
    return {ending: sorted(found[ending]) for ending in sorted(found)
            if ending in UNDECODED or any(map(_is_image,
                                              found[ending][:_TRIED]))}


def is_transparent(path: str | Path) -> bool:
    """Whether a picture has pixels that are not opaque."""
    try:
        with Image.open(path) as picture:
            if 'A' not in picture.mode and 'transparency' not in picture.info:
                return False
            return min(picture.convert('RGBA').getchannel('A').tobytes()) < 255
    except Exception:  # Whoever reads it says what is wrong.
        return False


def _is_image(path: Path) -> bool:
    try:
        return mmcv.imread(path) is not None
    except Exception:  # Decoders raise errors of many kinds.
        return False


def check_copies(paths: Sequence[str], others: Sequence[str] = ()) -> None:
    """Refuse images that are there twice, or among others, too."""
    first: dict[str, str] = {}
    copies = []
    for path in [*paths, *others]:
        content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        if (known := first.get(content, path)) != path:
            copies.append((path, known))
        elif len(first) < len(paths):
            first[content] = path
    require(not copies, 'Each image is there once: one to judge by must not '
            'be known', f'but {len(copies)} are copies, such as {copies[:1]}',
            'Take one of each two out')


def image_files(path: str | Path, every: bool = False) -> list[str]:
    """List the images in a folder and its folders, or return a file alone.

    What is hidden is left out, and so are images of other extensions, which
    may not be readable, with a warning; ``every`` takes those, too.
    """
    path = Path(path)
    if path.is_file():
        return [str(path)]
    require(path.is_dir(), 'Images are files or a folder of them',
            f'but there is no {path}', 'Correct the path', FileNotFoundError)
    files: list[Path] = []
    others: list[Path] = []
    for file in (Path(home, name) for home, _, names in walk(path)
                 for name in names):
        if not any(map(is_left_behind, file.relative_to(path).parts)) and (
                file.is_file()):
            known = file.suffix.lower() in IMG_EXTENSIONS
            (files if known else others).append(file)
    for ending, found in left_out(others).items():
        if every:
            files += found
            continue
        print_log(f'{len(found)} images that end in {ending} in {path} are '
                  f'left out, such as {found[0]}. Convert them to .jpg or '
                  '.png.', logger='current', level=logging.WARNING)
    require(files, 'A folder must hold images', f'but {path} has no file that '
            f'ends in one of {", ".join(IMG_EXTENSIONS)}', 'Correct the path')
    return sorted(map(str, files))
