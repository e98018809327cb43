"""Predict the classes of image files and write them into a CSV file.

    python tools/predict.py CONFIG CHECKPOINT my_folder --out predictions.csv
    python tools/predict.py CONFIG CHECKPOINT a.webp b.tiff --out two.csv \
        --top-k 3 --source

Folders are searched with all folders in them. A row has the path, the class
and its score, with ``--top-k`` the next best, too, and with ``--source`` what
the source head takes the image for. CONFIG and CHECKPOINT can be those of a
stock classifier. No training data is needed. Files that cannot be read are
named at the end, have a row without a class, and make the exit status 1.
"""
import argparse
import sys
from pathlib import Path

from mmjtln.apis import write_predictions
from mmjtln.errors import end_in_words


def main() -> int:
    """Predict, write the file, and say what failed."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the run, or of a stock '
                        'classifier')
    parser.add_argument('checkpoint', help='one of its checkpoints, or '
                        'its work directory')
    parser.add_argument('paths', nargs='+', help='image files and folders')
    parser.add_argument('--out', required=True, help='CSV file to write')
    parser.add_argument('--top-k', type=int, default=1, metavar='K',
                        help='classes a row (default: 1)')
    parser.add_argument('--source', action='store_true',
                        help="add the source head's classes")
    parser.add_argument('--batch-size', type=int, default=32,
                        help='images a forward pass (default: 32)')
    parser.add_argument('--device', help='such as cuda:1 (default: a GPU if '
                        'there is one)')
    args = parser.parse_args()
    return exit_status(write_predictions(**vars(args)), args.out)


def exit_status(failed: dict[str, str], out: str | Path) -> int:
    """Name the files that failed, if any; return 1 if there are."""
    if failed:
        print(f'{len(failed)} files have no class in {out}:', file=sys.stderr)
    for file, error in failed.items():
        print(f'{file}: {error}', file=sys.stderr)
    return int(bool(failed))


if __name__ == '__main__':
    end_in_words()
    sys.exit(main())
