"""Make a classifier of your own classes from a trained one, at once.

    python tools/adapt.py FOLDER --out DIR
    python tools/adapt.py --names names.txt --out DIR --predict my_folder
    python tools/adapt.py FOLDER --source OTHER_FOLDER --out DIR --onnx

FOLDER has a folder of one to fifty pictures for each class. The last layer of
an EfficientNet-Lite0 from ImageNet, or of another network, is carried over by
the class names. The pictures weigh that start, the layer is fitted on the
frozen network's features, and cross-validation chooses between this and a head
from zero. Without pictures the names decide alone. `--source` has pictures of
other classes, one folder a class: a second start.

DIR gets a stock `config.py` and `model.pth`, `report.html`, and by option
`model.onnx` and `predictions.csv`. Needs the extras `text` and `lite0`.
"""
import argparse
import sys
from pathlib import Path

from adapt_page import adapted_page
from predict import exit_status

from mmjtln.apis import Adapted, adapt, write_predictions
from mmjtln.apis.adapt import NETWORK
from mmjtln.errors import check_count, end_in_words
from mmjtln.files.atomic_file import atomic_write
from mmjtln.files.user_files import image_files
from mmjtln.run_config import OptionsAction


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('folder', nargs='?', help='a folder of pictures for each class')
    add('--names', help='text file, a class name a line, a description behind '
        'a tab (default: the folders); they are sorted')
    add('--source', help='a folder of pictures for each of other classes')
    add('--out', required=True, help='folder to write to')
    add('--network', default=NETWORK, help='config of a stock classifier, '
        f"the name of one of MMPretrain's, or timm:NAME ({NETWORK})")
    add('--weights', help="its checkpoint, head included; timm's weights file "
        '(default: of the package, as downloaded, or by `load_from`)')
    add('--source-classes', help='what the network knows: a text file or a '
        'data set such as cub (default: as the checkpoint says, else '
        "ImageNet's)")
    add('--text-options', nargs='+', action=OptionsAction, default={},
        metavar='KEY=VALUE', help='options of TextCost, such as prompt={}')
    add('--penalty', type=float, help='strength of the pull to the start (by '
        'cross-validation, else 0.01)')
    add('--balanced', action='store_true',
        help='let classes count the same, however many pictures they have')
    add('--tune', action='store_true',
        help='try tuning the whole network, too, in minutes')
    add('--onnx', action='store_true', help='write model.onnx, too')
    add('--predict', nargs='+', metavar='PATH', default=[],
        help='image files and folders to predict')
    add('--top-k', type=int, default=1, metavar='K',
        help='classes a row of the predictions (1)')
    return parser.parse_args()


def describe(found: Adapted) -> str:
    """Say where each class comes from, and how the classifier does."""
    classes = found.cost.target_classes
    width = max(map(len, ['class', *classes]))
    lines = [f'{"class":<{width}}  mixed of classes of the network, with '
             'their shares']
    lines += [f'{name:<{width}}  ' + ', '.join(
        f'{near} {share:.1%}' for near, share in found.nearest(label))
        for label, name in enumerate(classes)]
    if found.few is not None:
        rows = found.few.rows
        width = max(len(name) for name, _ in rows)
        lines += ['', f'{"way":<{width}}  accuracy [95 % interval]'
                  + ', each class counting the same' * found.few.balanced]
        lines += [f'{name:<{width}}  {value}' for name, value in rows]
    return '\n'.join([*lines, '', *found.remarks()])


def main() -> int:
    """Make the classifier, say what it is made of, and predict."""
    args = parse_args()
    check_count(args.top_k, '--top-k', 'adapt.py')
    for path in args.predict:  # Is there anything? Asked before any work.
        image_files(path, every=True)
    found = adapt(
        args.folder, args.names, args.out, args.network, args.weights,
        args.source, args.source_classes, args.text_options, args.penalty,
        args.balanced, args.onnx, args.tune)
    page = Path(args.out, 'report.html')
    with atomic_write(page) as file:
        file.write(adapted_page(found).encode())
    print(describe(found), *found.files.values(), page, sep='\n')
    if not args.predict:
        return 0
    out = Path(args.out, 'predictions.csv')
    failed = write_predictions(found.files['config'],
                               found.files['checkpoint'], args.predict, out,
                               args.top_k)
    print(out)
    return exit_status(failed, out)


if __name__ == '__main__':
    end_in_words()
    sys.exit(main())
