"""Reading word vectors of a few words from a large file."""
import gzip
import mmap
from pathlib import Path

import numpy as np

from mmjtln.files.user_files import reading


def read_word_vectors(path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    """Read the vectors of the wanted words; the others are only skipped.

    The kind of file follows from its name:

    - ``.npz``: arrays ``names`` (N,) and ``vectors`` (N, D);
    - ``.bin``: word2vec's binary format;
    - else text, as GloVe and word2vec write it: a word and its D numbers a
      line, after an optional line "N D"; ``.gz`` may be added.

    Args:
        path (str | Path): The file.
        wanted (set[str]): Words to look for, as the file writes them.

    Returns:
        dict[str, np.ndarray]: Word to vector, shape (D,), for those found.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or vectors differ in length or
            are not finite; the message names file and place.

    Note:
        Time is that of reading the file once, some seconds per GB; memory
        that of the vectors found.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no word vectors at {path}: correct the path')
    read = {'.npz': _read_npz, '.bin': _read_binary}.get(path.suffix,
                                                         _read_text)
    with reading(path, 'file of word vectors',
                 'Fetch it again, or name a file of another kind.'):
        vectors = read(path, wanted)
    bad = [word for word, v in vectors.items() if not np.isfinite(v).all()]
    if bad:
        raise ValueError(f'{path}: the vector of {bad[0]!r} holds NaN or '
                         'infinity')
    return vectors


def _read_npz(path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        if not {'names', 'vectors'} <= set(archive.files):
            raise ValueError('expected the arrays names and vectors, got '
                             f'{", ".join(archive.files)}')
        names, vectors = archive['names'], archive['vectors']
    if vectors.ndim != 2 or names.shape != vectors.shape[:1]:
        raise ValueError(
            'names must have shape (N,) and vectors (N, D), got '
            f'{names.shape} and {vectors.shape}')
    return {
        name: vectors[i].astype(np.float64)
        for i, name in enumerate(names.tolist()) if name in wanted
    }


def _read_binary(path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    found = {}
    with open(path, 'rb') as file, mmap.mmap(
            file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count, dimensions = _header(data.readline())
        place, size = data.tell(), 4 * dimensions
        for i in range(count):
            end = data.find(b' ', place)
            if end < 0 or end + 1 + size > len(data):
                raise ValueError(f'it announces {count} words and ends after '
                                 f'{i}')
            word = data[place:end].decode('utf-8', 'replace').lstrip('\n')
            place = end + 1 + size
            if word in wanted and word not in found:
                found[word] = np.frombuffer(
                    data[end + 1:place], dtype='<f4').astype(np.float64)
    return found


def _header(line: bytes) -> tuple[int, int]:
    try:
        count, dimensions = (int(number) for number in line.split())
    except ValueError:
        raise ValueError('its first line must be "words dimensions"') from None
    if count < 0 or dimensions < 1:
        raise ValueError(f'it announces {count} words of {dimensions} numbers')
    return count, dimensions


def _read_text(path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    found, dimensions = {}, None
    with (gzip.open if path.suffix == '.gz' else open)(path, 'rb') as file:
        for number, line in enumerate(file, start=1):
            if dimensions is None:
                fields = line.split()
                if number == 1 and len(fields) == 2:
                    dimensions = _header(line)[1]
                    continue
                dimensions = len(fields) - 1
            # Only the lines that are wanted are worth splitting up.
            word = line.split(None, 1)[0] if line.strip() else b''
            word = word.decode('utf-8', 'replace')
            if word not in wanted or word in found:
                continue
            fields = line.split()
            if len(fields) > dimensions + 1 and not _is_number(
                    fields[-dimensions - 1]):
                continue  # A word with a space in it that begins like ours.
            if len(fields) != dimensions + 1:
                raise ValueError(
                    f'line {number} ({word!r}) has {len(fields) - 1} numbers, '
                    f'the file {dimensions} a word')
            found[word] = np.array(fields[1:], dtype=np.float64)
    return found


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
