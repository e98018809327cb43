"""How the time of OTLoss grows: a picture.

    python tools/benchmarks/transport/ot_growth.py ot_growth.png

Forward and backward around (B, L_s, L_t) = (64, 1000, 100), one size or
option changed at a time; medians. Dashed: growth in proportion, from the
last point back.
"""
import argparse
import statistics
import warnings

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from ot_solvers import Ours, add_arguments, problem, seconds, setting

BASE = dict(B=64, L_s=1000, L_t=100)
SWEEPS = {
    'B': [4, 16, 64, 256, 1024],
    'L_s': [10, 100, 1000, 10000],
    'L_t': [10, 30, 100, 300, 1000],
    'reg': [1., 0.3, 0.1, 0.03, 0.01],
    'iterations': [2, 4, 8, 16, 32],
}
# The last sweep needs a problem on which it may do them all.
HARD_REG = 0.02


def measure(name: str, value: float, args: argparse.Namespace) -> float:
    """Median milliseconds with one thing changed."""
    point = {**BASE, 'reg': args.reg, name: value}
    ours = Ours(*problem(
        (point['B'], point['L_s'], point['L_t']), args), args)
    ours.loss.reg = point['reg']
    if name == 'iterations':
        ours.loss.reg, ours.loss.max_iter = HARD_REG, value
        ours.loss._warned = True
    ours.run()
    return 1e3 * statistics.median(
        seconds(ours.run, args.device) for _ in range(args.repeats))


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('png', help='where to write the picture')
    add_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    print(f'{setting(args)}; ms, medians of {args.repeats}')
    figure = Figure(figsize=(13, 3))
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(SWEEPS), sharey=True)
    for axis, (name, values) in zip(axes, SWEEPS.items(), strict=True):
        spent = [measure(name, value, args) for value in values]
        print(name, *(f'{value:g}: {ms:.2f}' for value, ms in zip(
            values, spent, strict=True)), sep='  ', flush=True)
        axis.loglog(values, spent, 'o-')
        label = name
        if name == 'reg':
            axis.invert_xaxis()
        else:
            axis.loglog(values, [spent[-1] * v / values[-1] for v in values],
                        'k--', linewidth=0.8, alpha=0.5)
        if name == 'iterations':
            label = f'iterations (reg {HARD_REG})'
        axis.set_xlabel(label)
        # All that were measured, and no others.
        axis.set_xticks(values, [f'{value:g}' for value in values],
                        fontsize=8)
        axis.minorticks_off()
        axis.grid(True, which='major', alpha=0.3)
    axes[0].set_ylabel('forward and backward, ms')
    figure.suptitle(
        'OTLoss around (B, L_s, L_t) = (64, 1000, 100), reg '
        f'{args.reg:g}, marginal error {args.error:g}, {args.device}, '
        f'{args.threads} thread' + 's' * (args.threads > 1), fontsize=10)
    figure.tight_layout()
    figure.savefig(args.png, dpi=110)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    main()
