"""Draw the README's pictures: the architecture, and what the start gains.

    python tools/visualization/draw_figures.py configs/figures

The second is drawn from the committed results in configs/compare/results.
"""
import argparse
import json
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

matplotlib.use('Agg')

SOURCE, TARGET, BOTH = '#dbe7f6', '#fde6c8', '#e9e9e9'
KNOWLEDGE, LOSS = '#dcefd8', '#f6d9da'
#: Centre, size, colour and text of each box, in units of the picture.
BOXES = {
    'source data': (1.3, 3.9, 2.4, 1.0, SOURCE,
                    'source images,\nor class names alone'),
    'target data': (1.3, 1.3, 2.4, 1.0, TARGET, 'few target images'),
    'backbone': (4.2, 2.6, 1.8, 1.5, BOTH,
                 'one backbone\n(any of\nMMPretrain\'s)'),
    'source head': (7.0, 3.9, 1.9, 1.0, SOURCE, 'source head\n$p(x)$'),
    'target head': (7.0, 1.3, 1.9, 1.0, TARGET, 'target head\n$q(x)$'),
    'source loss': (10., 3.9, 2.3, .9, LOSS, 'cross entropy'),
    'ot loss': (10., 2.6, 2.3, .9, LOSS,
                'optimal transport\n$W_{reg}(p, q; C)$'),
    'target loss': (10., 1.3, 2.3, .9, LOSS, 'cross entropy'),
    'cost': (13.3, 2.6, 2.7, 1.3, KNOWLEDGE,
             'cost matrix C, what is\nknown of the classes:\nnames, a tree, '
             'images,\nor by hand'),
}
#: From and to.
ARROWS = (
    ('source data', 'backbone'), ('target data', 'backbone'),
    ('backbone', 'source head'), ('backbone', 'target head'),
    ('source head', 'source loss'), ('target head', 'target loss'),
    ('source head', 'ot loss'), ('target head', 'ot loss'),
    ('cost', 'ot loss'),
)

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
    """Draw both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path, help='where the pictures go')
    folder = parser.parse_args().folder
    draw_architecture(folder / 'architecture.png')
    draw_gain(folder / 'carried_over.png')


def draw_gain(file: Path) -> None:
    """Draw accuracy over images a class, ten seeds with 95 % intervals."""
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
    figure.savefig(file, dpi=110, bbox_inches='tight')


def draw_architecture(file: Path) -> None:
    """Draw the boxes and the arrows between them."""
    figure, axes = plt.subplots(figsize=(10.4, 2.9))
    boxes = {name: _box(axes, *box) for name, box in BOXES.items()}
    for start, end in ARROWS:
        _arrow(axes, boxes[start], boxes[end])
    _arrow(axes, boxes['source head'], boxes['target head'], dashed=True)
    axes.text(6.9, 2.6, 'initialised by\nthe plan for C',
              ha='right', va='center', fontsize=8, style='italic',
              color='#4a7a42')
    axes.set(xlim=(0, 14.8), ylim=(.6, 4.6))
    axes.set_aspect('equal')
    axes.axis('off')
    figure.savefig(file, dpi=130, bbox_inches='tight')


def _box(axes: Axes, x: float, y: float, width: float, height: float,
         colour: str, text: str) -> FancyBboxPatch:
    axes.text(x, y, text, ha='center', va='center', fontsize=8.5)
    return axes.add_patch(FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height, facecolor=colour,
        edgecolor='#555555', linewidth=.9,
        boxstyle='round,pad=0.02,rounding_size=0.12'))


def _arrow(axes: Axes, start: FancyBboxPatch, end: FancyBboxPatch,
           dashed: bool = False) -> None:
    centres = [(box.get_x() + box.get_width() / 2,
                box.get_y() + box.get_height() / 2) for box in (start, end)]
    axes.add_patch(FancyArrowPatch(
        *centres, patchA=start, patchB=end, arrowstyle='-|>',
        mutation_scale=11, linestyle='--' if dashed else '-',
        color='#4a7a42' if dashed else '#444444', linewidth=1.1,
        shrinkA=2, shrinkB=2))


if __name__ == '__main__':
    main()
