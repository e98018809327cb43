"""Which images a data set holds, in a few letters."""
import hashlib
from pathlib import PurePath

import numpy as np
from torch.utils.data import Dataset

#: Images looked at in a data set; in a larger one, evenly spaced.
_MOST_IMAGES = 100_000


def data_digest(dataset: Dataset) -> str:
    """Return a digest of which images a data set holds, and their labels.

    An image counts by its label and the last two parts of its path, so that
    data may be moved, and by its pixels where they are part of the
    annotation. Of more than 100,000 images as many are looked at, evenly
    spaced; the others still count by their number. The class names count,
    too.

    Args:
        dataset (Dataset): A data set of MMPretrain, or a wrapper of one.

    Returns:
        str: 16 hexadecimal digits.
    """
    names = tuple(dataset.metainfo.get('classes') or ())
    digest = hashlib.sha256(repr(names).encode())
    count = len(dataset)
    for i in np.linspace(0, count - 1, min(count, _MOST_IMAGES)):
        info = dataset.get_data_info(int(i))
        path = PurePath(str(info.get('img_path', ''))).parts[-2:]
        digest.update(repr((path, info.get('gt_label'))).encode())
        if isinstance(info.get('img'), np.ndarray):
            digest.update(info['img'].tobytes())
    return digest.hexdigest()[:16]
