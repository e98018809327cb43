"""The paper's full size, rehearsed on made-up data, beside MMPretrain alone.

    OMP_NUM_THREADS=1 python tools/benchmarks/full_size.py

Data: both annotation lists at their full length (ILSVRC2012, FGVC-Aircraft), a
few thousand JPEG files of 500 x 375 pixels standing for all, see
`full_size_data.py`. Contestants do the same work in turn; figures are medians.
Memory is what processes take of the machine, shared pages counted once.

Parts (``--parts``): `load` builds data set, sampler and loader, beside those
of a stock run; `images` loads batches jointly and plainly; `train` runs the
ready config by `tools/train.py` beside a stock run of the source by
MMPretrain's own, step by step in turn, kills the joint one and resumes it.
Linux only.
"""
import argparse
import tempfile
from pathlib import Path

import full_size_data
import torch
from full_size_loading import measure_images, measure_loaders
from full_size_train import measure_training

PARTS = dict(load=measure_loaders, images=measure_images,
             train=measure_training)


def row(name: str, joint: float | str, stock: float | None = None,
        note: str = '') -> str:
    """Return a row of the table."""
    cells = [f'{value:.4g}' if isinstance(value, float) else
             '' if value is None else str(value) for value in (joint, stock)]
    ratio = f'{joint / stock:.3f} {note}'.strip() if stock else note
    return f'| {name} | {cells[0]} | {cells[1]} | {ratio} |'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('--parts', nargs='+', default=list(PARTS),
                        choices=list(PARTS), help='what is measured')
    parser.add_argument('--images', type=int, default=1281167,
                        help='lines of the source\'s list')
    parser.add_argument('--pictures', type=int, default=2000,
                        help='JPEG files that stand for all')
    parser.add_argument('--workers', type=int, default=8)
    parser.add_argument('--repeats', type=int, default=3,
                        help='loaders of each kind')
    parser.add_argument('--loads', type=int, default=21,
                        help='timed epochs of joint and plain loading')
    parser.add_argument('--steps', type=int, default=12,
                        help='timed training steps of each kind')
    return parser.parse_args()


def main() -> None:
    """Make the data and print the table."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        full_size_data.make(folder, args.images, args.pictures)
        device = (torch.cuda.get_device_name() if torch.cuda.is_available()
                  else 'CPU')
        print(f'{args.images} and 3334 images, {device}, torch '
              f'{torch.__version__}\n')
        print('| | JTLN | MMPretrain alone | ratio |\n|---|---|---|---|')
        for part in args.parts:
            for values in PARTS[part](folder, args):
                print(row(*values), flush=True)


if __name__ == '__main__':
    main()
