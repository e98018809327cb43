"""Rule: every image can be read and transformed, to its last byte."""
import hashlib
import io
import warnings
from typing import NamedTuple

import numpy as np
from mmengine import fileio
from PIL import Image, UnidentifiedImageError
from torch.utils.data import DataLoader, Dataset

from mmjtln.datasets.contents import name_image, pipeline_of, unique_images

_BATCH = 16


class Picture(NamedTuple):
    """What became of an image.

    Attributes:
        name (str): Its path, or its number.
        digest (str): Of its content; empty if there is none to be had.
        error (str): Why it cannot be used; empty if it can.
    """

    name: str
    digest: str
    error: str


def look_at_all(dataset: Dataset, name: str,
                num_workers: int) -> DataLoader:
    """Read and transform each image of a data set once, whatever repeats it.

    Args:
        dataset (Dataset): A data set of MMPretrain, or a wrapper of one.
        name (str): What errors call it, such as ``'target val'``.
        num_workers (int): Processes that read; 0 reads in this one.

    Returns:
        DataLoader: Gives lists of up to 16 :class:`Picture`, in the order of
        the data set.
    """
    return DataLoader(
        _Pictures(dataset, name), batch_size=_BATCH, num_workers=num_workers,
        collate_fn=list)


class _Pictures(Dataset):

    def __init__(self, dataset: Dataset, name: str) -> None:
        self.pairs = unique_images(dataset)
        self.name = name

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Picture:
        owner, i = self.pairs[index]
        info = owner.get_data_info(i)
        path = info.get('img_path')
        digest = error = ''
        content = _content(info)
        if content is not None:
            digest = hashlib.sha256(content).hexdigest()
        try:
            with name_image(owner, i, self.name):
                pipeline_of(owner)(info)
        except RuntimeError as problem:
            error = str(problem)
        if not error and path and content is not None:
            error = _incomplete(content, f'The {self.name} image {path}')
        return Picture(str(path or f'number {i}'), digest, error)


def _content(info: dict) -> bytes | None:
    """Return the bytes of an image, whether of a file or in memory."""
    pixels = info.get('img')
    if isinstance(pixels, np.ndarray):
        return repr(pixels.shape).encode() + pixels.tobytes()
    try:
        return fileio.get(info['img_path'])
    except Exception:  # The pipeline says it better.
        return None


def _incomplete(content: bytes, name: str) -> str:
    """Say that a file is cut off, which OpenCV fills up with gray."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            Image.open(io.BytesIO(content)).load()
    except UnidentifiedImageError:
        return ''  # A kind that Pillow does not know.
    except OSError as error:
        return (f'{name} is damaged: {error}; what is missing is read as '
                'gray. Restore the file, or take it out of the data set.')
    except Exception:  # Its other doubts do not concern the pipeline.
        return ''
    return ''
