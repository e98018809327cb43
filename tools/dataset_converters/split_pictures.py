"""Split a folder of pictures, one folder a class, into train, val and test.

    python tools/dataset_converters/split_pictures.py my_pictures \
        data/target --train 10 --val 5

takes 10 pictures of each class to train on and 5 to validate on, drawn by
seed, and leaves the rest for the test. Pictures are copied; the folder stays
as it is. A class with too few pictures is an error, and so is a picture that
is there twice; nothing is written then.
"""
import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from mmjtln.checks.folders import class_folders
from mmjtln.datasets.contents import gt_labels, images_by_class
from mmjtln.errors import check_count, end_in_words, require
from mmjtln.files.user_files import check_copies


def split(folder: Path, out: Path, train: int, val: int,
          seed: int) -> dict[str, list[Path]]:
    """Draw the pictures of each part, for each class by itself."""
    check_count(train, '--train', 'a split')
    check_count(val, '--val', 'a split')
    data = class_folders(folder, out)
    paths = np.array([data.get_data_info(i)['img_path']
                      for i in range(len(data))])
    check_copies(paths)
    parts = dict(train=[], val=[], test=[])
    for number, members in enumerate(images_by_class(
            gt_labels(data), len(data.CLASSES))):
        files = sorted(paths[members])
        require(len(files) > train + val, 'A class needs pictures for all '
                f'parts, {train} + {val} and one to test',
                f'but {data.CLASSES[number]!r} has {len(files)} pictures',
                'Set --train and --val lower, add pictures, or leave it out')
        order = np.random.default_rng([seed, number]).permutation(len(files))
        drawn = [Path(files[i]) for i in order]
        parts['train'] += drawn[:train]
        parts['val'] += drawn[train:train + val]
        parts['test'] += drawn[train + val:]
    return parts


def main() -> None:
    """Split, whole or not at all."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, help='one folder a class')
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument('--train', type=int, required=True,
                        help='pictures a class to train on')
    parser.add_argument('--val', type=int, required=True,
                        help='pictures a class to choose the checkpoint on')
    parser.add_argument('--seed', type=int, default=0,
                        help='seed of the draw (default: 0)')
    args = parser.parse_args()
    require(not args.out.exists(), 'The parts are a new folder',
            f'but {args.out} exists already', 'Remove it, or name another')
    parts = split(args.folder, args.out, args.train, args.val, args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out.parent) as folder:
        whole = Path(folder, 'whole')
        for part, files in parts.items():
            for file in files:
                place = whole / part / file.relative_to(args.folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
        os.replace(whole, args.out)
    print(f'{args.out}: ' + ', '.join(
        f'{len(files)} {part}' for part, files in parts.items()))


if __name__ == '__main__':
    end_in_words()
    main()
