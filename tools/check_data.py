"""Look at all images of a config before it is trained.

    python tools/check_data.py my_config.py

Goes over every image of training, validation and test data, source and
target: files that cannot be read or are cut off, images left out for their
extension or beside the folders of the classes, transparent images, hidden
folders taken for classes, class lists that differ, labels out of range,
classes without an image, and images that are in two splits. It prints
a table and what is wrong, with what to set. The exit status is 1 if anything
is, else 0. As many processes read as the config's loaders have
workers.
"""
import argparse
import sys
from collections.abc import Sequence

from all_images import PartReport, check_data
from mmengine.config import DictAction

from mmjtln.errors import interrupt_quietly
from mmjtln.run_config import name_checkpoint, read_config


def images_a_class(report: PartReport) -> str:
    """Say which class has the fewest images and which the most."""
    if report.counts is None or not len(report.counts):
        return '-'
    few, many = report.counts.argmin(), report.counts.argmax()
    if report.counts[few] == report.counts[many]:
        return f'{report.counts[few]} each'
    return (f'{report.counts[few]} ({report.classes[few]}) to '
            f'{report.counts[many]} ({report.classes[many]})')


def table(reports: Sequence[PartReport]) -> str:
    """Write what was found as a table, a line for each data set."""
    rows = [('data', 'images', 'classes', 'unreadable', 'left out',
             'images a class')]
    rows += [(report.name, str(report.images), str(len(report.classes)),
              str(report.unreadable), str(report.left_out),
              images_a_class(report)) for report in reports]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return '\n'.join('  '.join([name.ljust(widths[0]), *(
        number.rjust(width) for number, width in zip(
            numbers, widths[1:-1], strict=True)), classes])
        for name, *numbers, classes in rows)


def main() -> int:
    """Check, print, and say by the exit status whether all is right."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a run')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction,
                        default={}, metavar='KEY=VALUE',
                        help='override settings of the config')
    args = parser.parse_args()
    cfg = read_config(args.config, args.cfg_options)
    reports = check_data(name_checkpoint(cfg))
    print(f'\n{table(reports)}\n')
    problems = [f'{report.name}: {problem}' for report in reports
                for problem in report.problems]
    for problem in problems:
        print(problem)
    print(f'{len(problems)} problem(s).' if problems else 'All is right.')
    return 1 if problems else 0


if __name__ == '__main__':
    interrupt_quietly()
    sys.exit(main())
