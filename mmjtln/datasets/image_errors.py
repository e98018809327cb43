"""Errors in reading an image that say which image it is."""
from collections.abc import Iterator
from contextlib import contextmanager

from torch.utils.data import Dataset


@contextmanager
def name_image(dataset: Dataset, index: int, domain: str) -> Iterator[None]:
    """Give an error inside the block the path of the image.

    The decoders of MMPretrain's pipelines mostly do not say what they decode.

    Args:
        dataset (Dataset): Data set of MMPretrain, wrapped or not.
        index (int): The image in it that is being read.
        domain (str): ``'source'`` or ``'target'``.

    Raises:
        RuntimeError: In place of any error inside, which it repeats.
    """
    try:
        yield
    except Exception as error:
        raise RuntimeError(
            f'The {domain} image {_path(dataset, index)} could not be read '
            f'and transformed: {type(error).__name__}: {error}. Restore the '
            'file, or take it out of the data set; if no image can be read, '
            f'fix the {domain} data set\'s paths or pipeline.') from error


def _path(dataset: Dataset, index: int) -> str:
    try:
        path = dataset.get_data_info(index).get('img_path')
    except Exception:  # Whatever it is, the first error matters more.
        path = None
    return str(path or f'number {index}')
