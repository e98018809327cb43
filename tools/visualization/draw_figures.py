"""Draw the README's picture of what the start gains.

    python tools/visualization/draw_figures.py configs/figures

It is drawn from the committed results in configs/compare/results.
"""
import argparse
import json
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

matplotlib.use('Agg')

RESULTS = Path(__file__).parents[2] / 'configs/compare/results'
#: Method in the results: what the picture calls it, and its colour.
CURVES = {
    'linear_regression': ('initialised from the source head', '#4a7a42'),
    'linear': ('initialised at zero', '#666666'),
    'linear_shuffled': ('from the source head, shuffled names', '#c0504d'),
}
TITLES = {'food': 'photographs of food, 8 groups',
          'emoji': 'emoji, 15 groups'}


def main() -> None:
    """Draw accuracy over images a class, ten seeds with 95 % intervals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path, help='where the picture goes')
    folder = parser.parse_args().folder
    figure, both = plt.subplots(1, 2, figsize=(9.2, 3.2), sharey=True)
    for axes, (name, title) in zip(both, TITLES.items(), strict=True):
        rows = json.loads(
            (RESULTS / name / 'results.json').read_text())['summary']
        for method, (label, colour) in CURVES.items():
            found = [row for row in rows if row['method'] == method]
            accuracy = [row['accuracy'] for row in found]
            axes.errorbar(
                [row['shots'] for row in found],
                [value['mean'] for value in accuracy],
                yerr=[value['mean'] - value['low'] for value in accuracy],
                marker='o', markersize=4, capsize=2, color=colour,
                label=label)
        axes.set_xscale('symlog', linthresh=1)
        shots = sorted({row['shots'] for row in rows})
        axes.set_xticks(shots, [str(number) for number in shots])
        axes.minorticks_off()
        axes.set(title=title, xlabel='labelled images a class')
        axes.grid(alpha=.3)
    both[0].set_ylabel('test accuracy, %')
    both[0].legend(fontsize=8, loc='lower right')
    figure.savefig(
        folder / 'carried_over.png', dpi=110, bbox_inches='tight')


if __name__ == '__main__':
    main()
