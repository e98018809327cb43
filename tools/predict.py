"""Predict the classes of image files and write them into a CSV file.

    python tools/predict.py CONFIG CHECKPOINT my_folder --out predictions.csv
    python tools/predict.py CONFIG CHECKPOINT a.webp b.tiff --out two.csv \
        --top-k 3 --source

Folders are searched with all folders in them. A row has the file, the class
and its score, with ``--top-k`` the next best, too, and with ``--source`` what
the source head takes the image for. Class counts, names and weights are the
checkpoint's: no training data is needed. Files that cannot be read are named
at the end, have a row without a class, and make the exit status 1.
"""
import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmpretrain.utils import progress as host_progress

from mmjtln.apis import JTLNInferencer
from mmjtln.domains import SOURCE
from mmjtln.files.atomic_file import atomic_write
from mmjtln.inference.image_files import image_files
from mmjtln.inference.progress import track


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the JTLN run')
    parser.add_argument('checkpoint', help='one of its checkpoints')
    parser.add_argument('inputs', nargs='+', help='image files and folders')
    parser.add_argument('--out', type=Path, required=True,
                        help='CSV file to write')
    parser.add_argument('--top-k', type=int, default=1, metavar='K',
                        help='classes a row (default: 1)')
    parser.add_argument('--source', action='store_true',
                        help="add the source head's classes")
    parser.add_argument('--batch-size', type=int, default=32,
                        help='images a forward pass (default: 32)')
    parser.add_argument('--device', help='such as cuda:1 (default: a GPU if '
                        'there is one)')
    args = parser.parse_args()
    if args.top_k < 1 or args.batch_size < 1:
        parser.error('--top-k and --batch-size must be at least 1, got '
                     f'{args.top_k} and {args.batch_size}')
    return args


def predict(inferencer: JTLNInferencer, files: list[str], source: bool,
            failed: dict[str, str]) -> list[dict | None]:
    """Predict a batch; an image that fails leaves the others alone.

    Args:
        inferencer (JTLNInferencer): The network.
        files (list[str]): N image files.
        source (bool): Whether the source head predicts, too.
        failed (dict[str, str]): Gets the errors, by file.

    Returns:
        list[dict | None]: N results, None for files that failed.
    """
    try:
        return inferencer(files, batch_size=len(files), return_source=source)
    except Exception as error:  # Decoders raise errors of many kinds.
        if len(files) == 1:
            failed[files[0]] = str(error).strip().splitlines()[-1]
            return [None]
        return [result for file in files
                for result in predict(inferencer, [file], source, failed)]


def best(scores: np.ndarray, names: Sequence[str], count: int) -> list:
    """Return class and score, by turns, of the best ``count`` classes."""
    row = []
    for label in scores.argsort()[::-1][:count]:
        row += [names[label] if names is not None else int(label),
                f'{scores[label]:.6f}']
    return row


def main() -> int:
    """Predict, write the file, and say what failed."""
    args = parse_args()
    files = [file for path in args.inputs
             for file in image_files(path, recursive=True)]
    inferencer = JTLNInferencer(args.config, args.checkpoint, args.device)
    host_progress.disable_progress_bar = True  # One for all batches instead.

    failed, results = {}, []
    batches = [files[i:i + args.batch_size]
               for i in range(0, len(files), args.batch_size)]
    for batch in track(batches, len(batches), True):
        results += predict(inferencer, batch, args.source, failed)
    if len(failed) == len(files):
        raise SystemExit(f'None of {len(files)} images could be predicted: '
                         f'{failed[files[0]]}')

    columns = [name for k in range(1, args.top_k + 1)
               for name in (('class', 'score') if k == 1 else
                            (f'class_{k}', f'score_{k}'))]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    writer.writerow(['image', *columns, *(
        f'{SOURCE}_{name}' for name in columns if args.source)])
    for file, result in zip(files, results, strict=True):
        row = []
        if result is not None:
            row = best(result['pred_scores'], inferencer.classes, args.top_k)
            # Fewer classes than asked for leave cells empty.
            row += [''] * (len(columns) - len(row))
        if result is not None and args.source:
            row += best(result['source_pred_scores'],
                        inferencer.source_classes, args.top_k)
        width = len(columns) * (1 + args.source)
        writer.writerow([file, *row, *[''] * (width - len(row))])
    with atomic_write(args.out) as out:
        out.write(table.getvalue().encode())
    print(f'{args.out}: {len(files) - len(failed)} images')
    for file, error in failed.items():
        print(f'Not predicted: {file}: {error}', file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
