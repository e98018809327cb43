"""Folders of images, one a class, and what of them is seldom meant."""
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmpretrain.datasets import CustomDataset
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import check_several, quote_names
from mmjtln.datasets.contents import look_through
from mmjtln.errors import require, told
from mmjtln.files.user_files import (
    IMG_EXTENSIONS,
    UNDECODED,
    is_left_behind,
    is_transparent,
    left_out,
    reading,
    walk,
)

from .run import Run, domain_parts

#: Names of splits, which are no classes.
_SPLITS = {'train', 'training', 'val', 'valid', 'validation', 'test',
           'testing'}
#: Pictures of a data set that are looked at for transparency.
_LOOKED_AT = 200


def folders(run: Run) -> Iterator[str]:
    """Images are left out for their extension, or hidden ones are taken in."""
    for split, dataset in run.datasets.items():
        for domain, part in domain_parts(dataset).items():
            for problem in look_into_folders(part)[1]:
                yield f'In the {domain} {split} data set, {problem}'


def class_folders(root: str | Path, out: str | Path,
                  pipeline: Sequence[dict] = ()) -> CustomDataset:
    """Read folders of images, one a class, of which ``out`` is to be made."""
    require(Path(root).resolve() not in Path(out, 'it').resolve().parents,
            'What is written lies outside of the folder of images',
            f'but {out} is in {root}', 'Name another place')
    with DefaultScope.overwrite_default_scope('mmpretrain'), reading(
            root, 'folder of images', 'Give each class a folder in it.'):
        dataset = CustomDataset(data_root=str(root), pipeline=pipeline,
                                extensions=IMG_EXTENSIONS)
    for problem in odd_classes(dataset):
        raise told(f'Each folder of images is a class, but {problem}')
    for problem in look_into_folders(dataset)[1]:
        print_log(problem, logger='current', level=logging.WARNING)
    check_several(dataset.metainfo['classes'], 'folder of images')
    return dataset


def look_into_folders(dataset: Dataset) -> tuple[int, list[str]]:
    """Count the images that folders leave out, and say what is wrong."""
    # MMPretrain's CustomDataset takes each folder for a class and leaves out
    # every file whose extension it was not given, both without a word.
    count, problems = 0, []
    for base in look_through(dataset)[0]:
        if isinstance(base, CustomDataset) and not base.ann_file:
            root, beside = Path(base.img_prefix), _beside(base)
            # What begins with a dot, the host leaves out, too.
            others = left_out(
                Path(home, name) for home, _, names in walk(root)
                for name in names
                if not name.startswith('.') and not base.is_valid_file(name))
            count += sum(map(len, [beside, *others.values()]))
            known = tuple(sorted({*base.extensions, *others} - {*UNDECODED}))
            problems += odd_classes(base) + [
                f'{len(files)} images that end in {ending} in {root} are left '
                f'out, such as {files[0]}. ' + (
                    'Convert them to .jpg or .png.' if ending in UNDECODED
                    else f'Set `extensions={known}` of the data set.')
                for ending, files in others.items()]
            if beside:
                problems.append(
                    f'{len(beside)} images lie beside the folders of the '
                    f'classes and are left out, such as {beside[0]}. Move '
                    'each into the folder of its class.')
        step = -(-len(base) // _LOOKED_AT) or 1
        problems += transparent([
            str(base.get_data_info(i).get('img_path', ''))
            for i in range(0, len(base), step)])
    return count, problems


def transparent(files: Sequence[str]) -> list[str]:
    """Say that some of up to 200 pictures are transparent, which is lost."""
    # The hosts' readers drop alpha, and so does a stock model that is
    # exported: composed here alone, it would see other pictures.
    files = files[::-(-len(files) // _LOOKED_AT) or 1]
    found = [file for file in files if is_transparent(file)]
    return [f'{len(found)} of {len(files)} images looked at are transparent, '
            f'such as {found[0]}: what lies behind is seen, often black. '
            'Compose them on white, as ImageMagick does by `mogrify '
            '-background white -alpha remove FILES`.'] if found else []


def odd_classes(base: CustomDataset) -> list[str]:
    """Say which folders of a data set are taken for classes and are none."""
    root, classes = Path(base.img_prefix), getattr(base, 'folder_to_idx', {})
    hidden = [os.path.relpath(os.path.join(home, name), root)
              for home, folders, _ in walk(root)
              for name in folders if is_left_behind(name)]
    taken = sorted(classes.keys() & {*hidden})
    inside = sorted(name for name in hidden if os.sep in name)
    splits = sorted(name for name in classes if name.lower() in _SPLITS)
    return [text for found, text in (
        (taken, f'{quote_names(taken)} in {root} is taken for a class, as '
         'each folder is. Remove it.'),
        (inside, f'images in {quote_names(inside)} of {root} are taken for '
         'images of the class. Remove the folder.'),
        (splits[1:], f'{quote_names(splits)} in {root} are taken for classes, '
         'as each folder is. Name one of them.')) if found]


def _beside(base: CustomDataset) -> list[Path]:
    """Find the images that lie beside the folders of the classes."""
    root = Path(base.img_prefix)
    return sorted(file for file in root.iterdir() if file.is_file()
                  and not is_left_behind(file.name)
                  and base.is_valid_file(file.name)
                  ) if getattr(base, 'folder_to_idx', {}) else []
