"""Compare classifiers on the features of a frozen network, few images a class.

    python tools/compare_frozen.py configs/compare/frozen/food.py \
        --seeds 0-9 --tune 100-104 --against linear,linear_text

CONFIG is that of a stock classifier; its ``comparison`` names the images, the
costs and the methods, see ``mmjtln/comparison/frozen_methods.py``. Features
are computed once, so all takes minutes on a CPU.

Results go to ``work_dirs/compare_frozen/<config>``: results.json, table.md,
table.csv, plot.png.
"""
import argparse
from pathlib import Path

from compare_methods import numbers, references
from mmengine.config import Config

from mmjtln.comparison import FrozenStudy, report, summarise


def main() -> None:
    """Run, then write and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument(
        '--seeds', type=numbers, default=list(range(10)),
        help='seeds of the runs reported (default: 0-9)')
    parser.add_argument(
        '--tune', type=numbers, default=list(range(100, 105)),
        metavar='SEEDS', help='seeds with which grids are searched, on '
        'validation data (default: 100-104)')
    parser.add_argument(
        '--shots', type=numbers, default=[0, 1, 2, 5, 10],
        help='images a class (default: 0,1,2,5,10)')
    parser.add_argument(
        '--against', type=lambda text: text.split(','),
        help='methods for paired differences (default: linear, where it is '
        'one)')
    parser.add_argument('--out', type=Path, help='folder of the results')
    args = parser.parse_args()

    cfg = Config.fromfile(args.config)
    out = args.out or Path(
        'work_dirs', 'compare_frozen', Path(args.config).stem)
    try:
        against = references(args.against, 'linear', cfg.comparison.methods)
        study = FrozenStudy(cfg, args.seeds, args.tune, args.shots)
        results = study.run()
    except ValueError as error:
        parser.error(str(error))
    rows = summarise(results, against)
    print(report.write(results, rows, against, out))
    print(f'{out}: results.json, table.md, table.csv, plot.png')


if __name__ == '__main__':
    main()
