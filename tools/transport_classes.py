"""Make a classifier of new classes from a stock one, by the class names.

    python tools/transport_classes.py CONFIG_OR_MODEL CHECKPOINT \
        --classes names.txt --out DIR
    python tools/transport_classes.py CONFIG_OR_MODEL CHECKPOINT \
        --images few_images --out DIR --predict my_folder --onnx

The last layer is carried over by the class names: no image and no label is
needed. With `--images`, a folder of one to fifty images for each class, they
weigh that start, and the layer is fitted on the frozen network's features, in
seconds. DIR gets a stock `config.py` and `model.pth` (and `model.onnx`) for
MMPretrain's own tools, with `--predict` also `predictions.csv`. Needs the
extra `text`.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.special import entr

from mmjtln.apis import (
    TransportedClasses,
    transport_classes,
    write_predictions,
)
from mmjtln.heads import CARRIERS
from mmjtln.heads.linear_fit import told_weight


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    # Not before mmjtln, which quiets what MMEngine says when it is imported.
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', help="a stock classifier's config, or the name of one of "
        "MMPretrain's")
    add('checkpoint', help='its checkpoint, head included')
    add('--classes', help='text file, a class name a line, and a description '
        'behind a tab where it says nothing; without it, the folders of '
        '--images')
    add('--out', required=True, help='folder to write to')
    add('--images', help='folder with a folder of images for each class')
    add('--source-classes', help='what the checkpoint knows: a text file or a '
        'data set such as cub (default: as the checkpoint says, else '
        "ImageNet's)")
    add('--text-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE', help='options of TextCost, such as prompt={}')
    add('--carrier', choices=CARRIERS, default='regression',
        help='how the head is carried over (regression)')
    add('--reg', type=float, default=0.05,
        help="weight of the plan's entropy (0.05)")
    add('--relax', type=float, default=0.05,
        help='weight of using source classes equally (0.05)')
    add('--penalty', type=float, help='strength of the pull to the start (by '
        'cross-validation, else 0.01)')
    add('--onnx', action='store_true', help='write model.onnx, too')
    add('--predict', nargs='+', metavar='PATH',
        help='image files and folders to predict')
    return parser.parse_args()


def describe(found: TransportedClasses, top: int = 4) -> str:
    """Say where each class comes from, and how the classifier does."""
    cost = found.cost
    weights = np.abs(found.weights) / np.abs(found.weights).sum(0)
    width = max(map(len, ['class', *cost.target_classes]))
    lines = [f'{"class":<{width}}  spread  source classes it is mixed of, '
             'with their shares']
    for j, name in enumerate(cost.target_classes):
        largest = np.argsort(-weights[:, j], kind='stable')[:top]
        # As many equal shares would be as uncertain.
        spread = np.exp(entr(weights[:, j]).sum())
        lines.append(f'{name:<{width}}  {spread:6.0f}  ' + ', '.join(
            f'{cost.source_classes[i]} {weights[i, j]:.1%}' for i in largest))
    if found.far:
        lines += ['', 'WARNING: no source class is nearer to '
                  f'{", ".join(found.far)} than to a name that means nothing.'
                  ' Describe them, behind a tab in the file of --classes, or '
                  'give images.']
    if found.zero_shot is not None:
        lines += ['', f'accuracy on the images: {found.zero_shot:.1f} % by '
                  'the names alone', told_weight(found.start_weight)]
        lines += [f'{label}: {held.accuracy:.1f} % on images held out '
                  f'({held.folds} folds, penalty {held.penalty:g})'
                  for label, held in (('pulled to them', found.transported),
                                      ('plain', found.plain)) if held]
        if found.plain and found.plain.accuracy > found.transported.accuracy:
            lines += ['The plain head is written: names do not help here.']
    return '\n'.join(lines)


def main() -> None:
    """Make the classifier, say what it is made of, and predict."""
    args = parse_args()
    found = transport_classes(
        args.config, args.checkpoint, args.classes, args.out, args.images,
        args.source_classes, args.text_options, args.carrier,
        args.reg, args.relax, args.penalty, args.onnx)
    print(describe(found), *found.files.values(), sep='\n')
    if args.predict:
        out = Path(args.out, 'predictions.csv')
        failed = write_predictions(found.files['config'],
                                   found.files['checkpoint'],
                                   args.predict, out)
        for file, error in failed.items():
            print(f'Not predicted: {file}: {error}', file=sys.stderr)
        print(out)


if __name__ == '__main__':
    main()
