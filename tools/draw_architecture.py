"""Draw the picture of the architecture that the README shows.

    python tools/draw_architecture.py configs/figures/architecture.png

Sizes and colours of the boxes stand at the top of the script.
"""
import argparse

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


def main() -> None:
    """Draw the boxes, the arrows between them, and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', help='the picture, such as architecture.png')
    args = parser.parse_args()
    figure, axes = plt.subplots(figsize=(10.4, 2.9))
    boxes = {name: _box(axes, *box) for name, box in BOXES.items()}
    for start, end in ARROWS:
        _arrow(axes, boxes[start], boxes[end])
    _arrow(axes, boxes['source head'], boxes['target head'], dashed=True)
    axes.text(6.9, 2.6, 'carried over by\nthe plan for C,\nat the start',
              ha='right', va='center', fontsize=8, style='italic',
              color='#4a7a42')
    axes.set(xlim=(0, 14.8), ylim=(.6, 4.6))
    axes.set_aspect('equal')
    axes.axis('off')
    figure.savefig(args.out, dpi=130, bbox_inches='tight')


def _box(axes: Axes, x: float, y: float, width: float, height: float,
         colour: str, text: str) -> FancyBboxPatch:
    box = FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height,
        boxstyle='round,pad=0.02,rounding_size=0.12', facecolor=colour,
        edgecolor='#555555', linewidth=.9)
    axes.add_patch(box)
    axes.text(x, y, text, ha='center', va='center', fontsize=8.5)
    return box


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
