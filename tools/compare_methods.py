"""Compare JTLN with target-only, consecutive and joint training.

    python tools/compare_methods.py CONFIG --seeds 0-9 --tune 100-102 --jobs 2

CONFIG is that of a JTLN run with a validation and a test set. Its
``comparison=dict(methods=dict(...))`` names methods, what differs in each,
and grids of options to choose from; without it, the ``DEFAULT_METHODS`` of
``mmjtln/comparison/methods.py`` are compared as they are.

Results go to ``work_dirs/compare_methods/<config>``: results.json, table.md,
table.csv, plot.png, and each run's predictions.csv under ``runs``. The same
command again goes on where it was stopped.
"""
import argparse
from collections.abc import Collection
from pathlib import Path

from mmjtln.comparison import Study, methods_of, report
from mmjtln.errors import end_in_words, require
from mmjtln.run_config import OptionsAction, fill_class_counts, read_config


def numbers(text: str) -> list[int]:
    """Read ``0-9`` or ``1,2,5``."""
    found = []
    for part in text.split(','):
        first, _, last = part.partition('-')
        try:
            span = range(int(first), int(last or first) + 1)
        except ValueError:
            span = ()
        if not span or set(span) & set(found):
            raise argparse.ArgumentTypeError(
                'expected numbers such as 0-9 or 1,2,5, each once, got '
                f'{text!r}')
        found += span
    return found


def check_choices(wanted: list[str], option: str,
                  names: Collection[str]) -> None:
    """Refuse what is no name of a method."""
    unknown = [name for name in wanted if name not in names]
    require(not unknown, f'{option} takes names of methods compared',
            f'got {unknown}', f'Choose from {list(names)}')


def references(wanted: list[str] | None, usual: str,
               names: Collection[str]) -> list[str]:
    """Return the ``wanted`` methods, or, if it is there, the ``usual`` one."""
    if wanted is None:
        return [usual] if usual in names else []
    check_choices(wanted, '--against', names)
    return wanted


def parser_of(doc: str, usual: str, tune: list[int], shots: list[int]
              ) -> argparse.ArgumentParser:
    """Return a parser with what every comparison takes, and its defaults."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument(
        '--seeds', type=numbers, default=list(range(10)),
        help='seeds of the runs reported (default: 0-9)')
    parser.add_argument(
        '--against', type=lambda text: text.split(','), help='methods for '
        f'paired differences (default: {usual}, where it is one)')
    parser.add_argument(
        '--methods', type=lambda text: text.split(','),
        help='names of methods, with commas (default: all)')
    parser.add_argument(
        '--tune', type=numbers, default=tune, metavar='SEEDS', help='seeds '
        'with which grids are searched, on validation data (default: '
        f'{tune or "none"})')
    parser.add_argument(
        '--shots', type=numbers, default=shots, help='target images a class '
        f"(default: {shots or 'that of the config'})")
    return parser


def main() -> None:
    """Run, then write and print the table."""
    parser = parser_of(__doc__, 'consecutive', [], [])
    parser.add_argument(
        '--jobs', type=int, default=1, help='runs side by side (default: 1)')
    parser.add_argument(
        '--work-dir', type=Path, help='folder of runs and results (default: '
        'work_dirs/compare_methods/<config>)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OptionsAction, default={},
        metavar='KEY=VALUE', help='override settings of the config')
    args = parser.parse_args()

    cfg = read_config(args.config, args.cfg_options)
    out = args.work_dir or Path(
        'work_dirs', 'compare_methods', Path(args.config).stem)
    try:
        fill_class_counts(cfg)
        methods = methods_of(cfg, args.methods)
        study = Study(cfg, methods, args.seeds, args.tune, args.shots, out,
                      args.jobs)
        measured = report.reported_accuracy(cfg)
        against = references(args.against, 'consecutive',
                             [method.name for method in methods])
    except ValueError as error:
        parser.error(str(error))
    print(report.write(study.run(), against, out, measured))
    print(f'{out}: results.json, table.md, table.csv, plot.png')


if __name__ == '__main__':
    end_in_words()
    main()
