"""Heat maps between source and target classes, and pictures as files."""
import csv
import io
import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from string import whitespace
from typing import TYPE_CHECKING, Any, TypeVar
from unicodedata import east_asian_width

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from mmjtln.costs.cost_matrix import CostMatrix
from mmjtln.domains import DOMAINS
from mmjtln.files.atomic_file import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

T = TypeVar('T')
_DPI = 100
# Inches of a cell: with few classes, and where a label of _FONT points fits.
_WIDE, _NARROW, _FONT = 0.5, 0.11, 6.5
# Inches from which on cells shrink; longest side and area of a panel: Agg
# draws at most 65,536 pixels, and large matrices take gigabytes.
_PANEL, _LONGEST, _AREA = 8.0, 110.0, 6000.0
# Cells up to which values are written into them, and length of a label.
_VALUES, _LABEL = 400, 32


def draw_cost(cost: CostMatrix) -> np.ndarray:
    """Draw a cost matrix as an RGB image, shape (H, W, 3), uint8."""
    title = f'{cost.method}: bright is related,\nred the nearest source class'
    return _draw_panels([(title, cost.matrix, 'low')],
                        cost.source_classes, cost.target_classes)


def draw_plan(plan: np.ndarray, cost: np.ndarray,
              source_classes: Sequence[str], target_classes: Sequence[str],
              title: str = 'mean transport plan') -> np.ndarray:
    """Draw a plan (L_s, L_t) by its cost, each column over its sum."""
    total = plan.sum(axis=0, keepdims=True)
    parts = np.divide(plan, total, out=np.zeros_like(plan), where=total > 0)
    return _draw_panels([('cost', cost, 'low'),
                         (f'{title},\nshare of each column', parts, 'high')],
                        source_classes, target_classes)


def write_png(picture: np.ndarray | None, path: str | Path) -> None:
    """Write a picture, as above, whole or not at all; None is passed over."""
    if picture is not None:
        with atomic_write(path) as file:
            Image.fromarray(picture).save(file, 'PNG')


def write_cost(cost: CostMatrix, path: str | Path) -> None:
    """Write the picture of a cost matrix, and a table of names not drawn.

    Where numbers stand for names that no installed font draws,
    ``<picture>_names.csv`` beside it has both.
    """
    classes = cost.source_classes, cost.target_classes
    write_png(try_drawing(draw_cost, cost), path)
    found = try_drawing(_drawable, *classes)
    if found and (legend := found[-1]):
        table = io.StringIO()
        csv.writer(table, lineterminator='\n').writerows([
            ('domain', 'number', 'class'), *(
                (DOMAINS[side], i, classes[side][i]) for side, i in legend)])
        with atomic_write(Path(path).with_name(
                f'{Path(path).stem}_names.csv')) as file:
            file.write(table.getvalue().encode(errors='surrogateescape'))


def try_drawing(draw: Callable[..., T], *arguments: Any) -> T | None:
    """Draw; what cannot be drawn is warned of, for it must not end a run."""
    # Drawing is rare, and importing matplotlib takes half a second.
    from matplotlib import rc_context

    try:
        # Names may have dollars, which are no formulas.
        with rc_context({'text.parse_math': False}):
            return draw(*arguments)
    except Exception as error:
        print_log(f'{draw.__name__} could not draw a picture because of '
                  f'{type(error).__name__}: {error}', logger='current',
                  level=logging.WARNING)
        return None


def new_figure(size: Any, **options: Any) -> 'Figure':
    """Return a figure of a size in inches, which no window shows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(size, dpi=_DPI, **options)
    FigureCanvasAgg(figure)
    return figure


def rendered(figure: Any) -> np.ndarray:
    """Return a figure as an RGB image, shape (H, W, 3), uint8."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def fonts_of(text: str) -> tuple[list[str], set[str]]:
    """Choose installed fonts that draw a text; and what none of them does."""
    from matplotlib import font_manager, rcParams

    families, missing = [*rcParams['font.family']], {*text} - {*whitespace}
    usual = font_manager.findfont(font_manager.FontProperties())
    for name, path in [('', usual), *(
            (font.name, font.fname)
            for font in font_manager.fontManager.ttflist
            # Its boxes stand for characters of any script.
            if not font.name.startswith('Last Resort'))]:
        if missing:
            font = font_manager.get_font(path)
            found = {sign for sign in missing
                     if font.get_char_index(ord(sign))}
            missing -= found
            families += [name] if name and found else []
    return families, missing


def _draw_panels(panels: Sequence[tuple[str, np.ndarray, str]],
                 *classes: Sequence[str]) -> np.ndarray:
    """Draw (title, matrix, which entry of a column to frame) side by side."""
    from matplotlib import rc_context

    names, fonts, legend = _drawable(*classes)
    if legend:
        _tell_once('No installed font draws some class names. In pictures '
                   'their numbers stand for them: ' + ', '.join(
                       f'{DOMAINS[side]} class {i} is {classes[side][i]}'
                       for side, i in legend))
    with rc_context({'font.family': fonts}):
        return _draw_named(panels, names)


def _drawable(*classes: Sequence[str]) -> tuple[
        list[list[str]], list[str], list[tuple[int, int]]]:
    """Shorten names, and put numbers in place of what no font draws.

    Returned are the names by side, the fonts, and side and index of numbers.
    """
    names = [[*map(_short, side)] for side in classes]
    fonts, missing = fonts_of(''.join(map(''.join, names)))
    legend = [(side, i) for side, part in enumerate(names)
              for i, name in enumerate(part) if missing & {*name}]
    for side, i in legend:
        names[side][i] = str(i)
    return names, fonts, legend


@cache
def _tell_once(text: str) -> None:
    print_log(text, logger='current', level=logging.WARNING)


def _draw_named(panels: Sequence[tuple[str, np.ndarray, str]],
                names: list[list[str]]) -> np.ndarray:
    shape = panels[0][1].shape
    cell = _cell(shape, len(panels))
    font = min(9.0, max(_FONT, cell * 72 * 0.75))
    # A character is some 0.6 of its height wide, a Chinese one up to twice it.
    margins = [max(sum(1 + (east_asian_width(sign) in 'WF') for sign in name)
                   for name in side) * font * 0.6 / 72 + 0.2 for side in names]
    height, width = shape[0] * cell, max(shape[1] * cell, 1.2)
    size = np.array([margins[0] + len(panels) * (width + 1.1) + 0.2,
                     margins[1] + height + 0.6])
    bar_height = min(height, 4.0)
    figure = new_figure(size)
    for k, (title, matrix, best) in enumerate(panels):
        left = margins[0] + k * (width + 1.1)
        axes, bar = (figure.add_axes((*box[:2] / size, *box[2:] / size))
                     for box in np.array([
                         (left, 0.2, width, height),
                         (left + width + 0.1, 0.2 + height - bar_height, 0.15,
                          bar_height)]))
        image = axes.imshow(
            _at_least_a_pixel_each(matrix, best, cell),
            # Classes keep their places, whatever is drawn as one cell.
            extent=(-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5),
            aspect='auto', interpolation='nearest',
            cmap='viridis_r' if best == 'low' else 'viridis')
        _label(axes, names if k == 0 else ([], names[1]), cell, font)
        axes.set_title(title, fontsize=10, loc='left')
        if cell >= _NARROW:
            rows = (matrix.argmin if best == 'low' else matrix.argmax)(axis=0)
            axes.plot(rows, linestyle='', marker='s', color='red',
                      markersize=cell * 72 * 0.85, markerfacecolor='none',
                      markeredgewidth=min(1.5, cell * 6))
        written = matrix.size <= _VALUES and cell >= 0.3
        for (i, j), value in np.ndenumerate(matrix) if written else ():
            shade = np.dot(image.to_rgba(value)[:3], (0.3, 0.6, 0.1))
            axes.text(j, i, f'{value:.2f}', ha='center', va='center',
                      fontsize=7, color='black' if shade > 0.5 else 'white')
        figure.colorbar(image, cax=bar).ax.tick_params(labelsize=7)
    return rendered(figure)


def _cell(shape: tuple, panels: int) -> float:
    """Side of a cell in inches."""
    cell = min(_WIDE, max(_NARROW, _PANEL / max(shape)))
    area = shape[0] * shape[1] * panels * cell**2
    return cell * min(1.0, _LONGEST / (max(shape) * cell), (_AREA / area)**.5)


def _at_least_a_pixel_each(matrix: np.ndarray, best: str,
                           cell: float) -> np.ndarray:
    """Let blocks of cells smaller than a pixel show their best entry."""
    # Left to the renderer, most would not be seen, and take gigabytes.
    size = int(np.ceil(1 / (cell * _DPI) - 1e-9))
    if size < 2:
        return matrix
    choose = np.minimum if best == 'low' else np.maximum
    for axis in (0, 1):
        matrix = choose.reduceat(
            matrix, np.arange(0, matrix.shape[axis], size), axis=axis)
    return matrix


def _short(name: str) -> str:
    """First synonym of a name, cut to a readable length."""
    # A name that is no UTF-8 has characters that no font knows.
    name = name.encode(errors='replace').decode().split(',')[0].strip()
    return name if len(name) <= _LABEL else name[:_LABEL - 1] + '…'


def _label(axes: 'Axes', names: Sequence[list[str]], cell: float,
           font: float) -> None:
    # Each k-th label, where cells are smaller than the labels.
    step = int(np.ceil(_NARROW / cell - 1e-9))
    for axis, side in ((axes.yaxis, names[0]), (axes.xaxis, names[1])):
        axis.set_ticks(range(0, len(side), step), side[::step], fontsize=font)
    axes.tick_params(length=0, top=False, bottom=False, labeltop=True,
                     labelbottom=False, pad=2)
    axes.tick_params(axis='x', rotation=90)
    axes.spines[:].set_visible(False)
