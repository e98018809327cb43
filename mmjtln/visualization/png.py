"""Pictures as files."""
from pathlib import Path

import numpy as np
from PIL import Image

from mmjtln.files.atomic_file import atomic_write


def write_png(picture: np.ndarray, path: str | Path) -> None:
    """Write a picture, whole or not at all.

    Args:
        picture (np.ndarray): RGB, shape (H, W, 3), uint8.
        path (str | Path): Where to; missing folders are created.
    """
    with atomic_write(path) as file:
        Image.fromarray(picture).save(file, 'PNG')
