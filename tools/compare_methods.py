"""Compare JTLN with target-only, consecutive and joint training.

    python tools/compare_methods.py CONFIG --seeds 0-9 --tune 100-102 --jobs 2

CONFIG is that of a JTLN run with a validation and a test set. Its
``comparison=dict(methods=dict(...))`` names methods, what differs in each,
and grids of options to choose from; without it, five standard methods are
compared as they are (see ``mmjtln/comparison/methods.py``).

Results go to ``work_dirs/compare_methods/<config>``: results.json, table.md,
table.csv, plot.png. The same command again goes on where it was stopped.
"""
import argparse
from pathlib import Path

from mmengine.config import Config, DictAction

from mmjtln.checks.splits import reported_accuracy
from mmjtln.comparison import Study, methods_of, report, summarise
from mmjtln.datasets.class_counts import fill_class_counts
from mmjtln.registered_names import with_registered_names


def numbers(text: str) -> list[int]:
    """Read ``0-9`` or ``1,2,5``."""
    found = []
    for part in text.split(','):
        first, _, last = part.partition('-')
        try:
            found += range(int(first), int(last or first) + 1)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f'expected numbers such as 0-9 or 1,2,5, got {text!r}'
            ) from None
    return found


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
        '--tune', type=numbers, default=[], metavar='SEEDS',
        help='seeds with which grids are searched, on validation data')
    parser.add_argument(
        '--methods', type=lambda text: text.split(','),
        help='names of methods, with commas (default: all)')
    parser.add_argument(
        '--shots', type=numbers, default=[],
        help="target images a class (default: the config's)")
    parser.add_argument(
        '--against', type=lambda text: text.split(','),
        default=['consecutive'],
        help='methods for paired differences (default: consecutive)')
    parser.add_argument(
        '--jobs', type=int, default=1, help='runs side by side (default: 1)')
    parser.add_argument(
        '--work-dir', type=Path, help='folder of runs and results (default: '
        'work_dirs/compare_methods/<config>)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE', help='override settings of the config')
    args = parser.parse_args()

    cfg = with_registered_names(Config.fromfile(args.config))
    cfg.merge_from_dict(args.cfg_options)
    out = args.work_dir or Path(
        'work_dirs', 'compare_methods', Path(args.config).stem)
    try:
        fill_class_counts(cfg)
        methods = methods_of(cfg, args.methods)
        study = Study(cfg, methods, args.seeds, args.tune, args.shots, out,
                      args.jobs)
        measured = reported_accuracy(cfg)
    except ValueError as error:
        parser.error(str(error))
    references = [name for name in args.against
                  if name in {method.name for method in methods}]
    results = study.run()
    rows = summarise(results, references)
    print(report.write(results, rows, references, out, measured))
    print(f'{out}: results.json, table.md, table.csv, plot.png')


if __name__ == '__main__':
    main()
