"""Rule: a folder of images has no class and no image that nobody meant."""
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import mmcv
from mmpretrain.datasets import CustomDataset
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import quote_names
from mmjtln.datasets.contents import base_datasets

#: Folders that programs leave behind without a dot before their name.
_LEFT_BEHIND = ('__MACOSX', '__pycache__', '@eaDir', 'lost+found')
#: Files of an unknown extension that are tried, to see if they are images.
_TRIED = 3
#: Kinds of images that OpenCV cannot decode, or only where it was built so.
_UNDECODED = ('.avif', '.gif', '.heic', '.heif', '.jxl', '.svg')


def look_into_folders(dataset: Dataset) -> tuple[int, list[str]]:
    """Find what is wrong with the image folders of a data set.

    MMPretrain's ``CustomDataset`` takes each folder for a class and leaves
    out every file whose extension it was not given, both without a word.

    Args:
        dataset (Dataset): A data set of MMPretrain, or a wrapper of one. Only
            those that find their images in folders are looked at.

    Returns:
        tuple: Number of images left out (int), and what is wrong, a sentence
        each with what to set or remove (list[str]).
    """
    left_out, problems = 0, []
    for base in base_datasets(dataset):
        if isinstance(base, CustomDataset) and not base.ann_file:
            root = Path(base.img_prefix)
            problems += _hidden(root, getattr(base, 'folder_to_idx', {}))
            counts = _left_out(root, base)
            left_out += sum(counts.values())
            problems += _extensions(root, base, counts)
    return left_out, problems


def _is_hidden(name: str) -> bool:
    return name.startswith('.') or name in _LEFT_BEHIND


def _hidden(root: Path, classes: dict) -> Iterator[str]:
    names = [name for name in classes if _is_hidden(name)]
    if names:
        yield (f'{quote_names(names)} in {root} is taken for a class, as each '
               'folder is. Remove it.')
    inside = sorted(
        os.path.relpath(os.path.join(home, name), root)
        for home, folders, _ in os.walk(root) if home != str(root)
        for name in folders if _is_hidden(name))
    if inside:
        yield (f'images in {quote_names(inside)} of {root} are taken for '
               'images of the class. Remove the folder.')


def _left_out(root: Path, base: CustomDataset) -> Counter:
    """Count the images that are left out, by extension."""
    found = {}
    for home, _, names in os.walk(root):
        for name in names:
            # What begins with a dot, the host leaves out, too.
            if not name.startswith('.') and not base.is_valid_file(name):
                found.setdefault(Path(name).suffix.lower(), []).append(
                    Path(home, name))
    return Counter({
        ending: len(paths) for ending, paths in found.items()
        if ending in _UNDECODED or any(map(_is_image, paths[:_TRIED]))})


def _extensions(root: Path, base: CustomDataset,
                counts: Counter) -> Iterator[str]:
    known = tuple(sorted({*base.extensions, *counts} - set(_UNDECODED)))
    for ending in sorted(counts):
        yield (f'{counts[ending]} images that end in {ending} in {root} '
               'are left out. ' + (
                   'Convert them to .jpg or .png.' if ending in _UNDECODED
                   else f'Set `extensions={known}` of the data set.'))


def _is_image(path: Path) -> bool:
    try:
        return mmcv.imread(str(path)) is not None
    except Exception:  # Decoders raise errors of many kinds.
        return False
