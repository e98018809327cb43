"""What an adapted classifier is made of and gets wrong, as one HTML page."""
import base64
import io
from collections.abc import Iterable, Iterator
from html import escape

import mmcv
import numpy as np
from PIL import Image

from mmjtln.apis.adapt import Adapted
from mmjtln.apis.fitting import Few

_SIDE = 120
_MOST_PICTURES = 40
_STYLE = '''body { font: 15px sans-serif; max-width: 60em; margin: 2em auto;
padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 }
td, th { border: 1px solid #ccc; padding: .3em .6em; text-align: left }
figure { display: inline-block; margin: .4em; width: 130px; font-size: 12px;
vertical-align: top; overflow-wrap: anywhere }
.wide { overflow-x: auto }
.wide :is(td, th) { padding: .2em .4em }
:is(td, th):first-child { min-width: min(14em, 35vw); max-width: 16em;
overflow-wrap: anywhere }
.wide th:first-child { position: sticky; left: 0; background: white }'''


def adapted_page(found: Adapted) -> str:
    """Describe what :func:`~mmjtln.apis.adapt` has made, pictures included.

    Returns:
        str: HTML that needs no other file: the ways to classify with their
        accuracies, the confusion matrix and up to 40 of the pictures that are
        taken for another class, both of images held out, and the classes
        that each class is mixed of.
    """
    classes, read = found.cost.target_classes, found.cost.settings
    parts = ['<h1>Adapted classifier</h1>']
    if found.few is not None:
        parts += ['<h2>Accuracy</h2>', _table(
            ['way', 'accuracy [95 % interval]'
             + ', each class counting the same' * found.few.balanced],
            ((name, str(value)) for name, value in found.few.rows))]
    parts += [f'<p>{escape(remark)}</p>' for remark in found.remarks()]
    if found.few is not None:
        parts += _mistakes(found.few, classes)
    parts += ['<h2>Nearest classes of the network</h2>', _table(
        ['class', 'mixed of, with shares'],
        ((name, ', '.join(f'{near} {share:.1%}'
                          for near, share in found.nearest(label)))
         for label, name in enumerate(classes))),
        f'<p>Names were read by {escape(read["encoder"])} as '
        f'{escape(repr(read["prompt"]))}.</p>']
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<title>Adapted classifier</title><style>' + _STYLE
            + '</style></head><body>\n' + '\n'.join(parts)
            + '\n</body></html>\n')


def _mistakes(few: Few, classes: tuple[str, ...]) -> Iterator[str]:
    """Show the confusion matrix and what is taken for another class."""
    predicted = few.by_names if few.selection is None else (
        few.selection.predicted[few.fitted])
    yield '<h2>What is taken for what</h2>'
    yield ('<p>Rows are the true classes, columns the predicted ones, by the '
           + ('names alone' if few.selection is None else
              'head that did not see the picture') + '.</p>')
    count = len(classes)
    matrix = np.bincount(few.labels * count + predicted,
                         minlength=count**2).reshape(count, count)
    rows = [''.join(
        f'<td style="background: rgba(31, 119, 180, {share:.2f})">'
        f'{number or ""}</td>' for number, share in zip(
            row, 0.7 * row / max(row.sum(), 1), strict=True))
        for row in matrix]
    head = ''.join(f'<th>{label}</th>' for label in range(count))
    yield f'<div class="wide"><table><tr><th></th>{head}</tr>' + ''.join(
        f'<tr><th>{label} {escape(name)}</th>{row}</tr>'
        for label, (name, row) in enumerate(zip(classes, rows, strict=True))
    ) + '</table></div>'
    wrong = np.flatnonzero(predicted != few.labels)
    yield (f'<h2>{len(wrong)} of {len(predicted)} pictures are taken '
           'wrongly</h2>')
    step = -(-len(wrong) // _MOST_PICTURES) or 1
    for i in wrong[::step]:
        yield (f'<figure>{_thumbnail(few.paths[i])}<figcaption>'
               f'{escape(classes[few.labels[i]])}, taken for '
               f'{escape(classes[predicted[i]])}</figcaption></figure>')
    if step > 1:
        yield f'<p>One in {step} is shown.</p>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [''.join(f'<th>{escape(cell)}</th>' for cell in head)] + [
        ''.join(f'<td>{escape(cell)}</td>' for cell in row) for row in rows]
    return '<table>' + ''.join(f'<tr>{line}</tr>' for line in lines) + (
        '</table>')


def _thumbnail(path: str) -> str:
    """Put a picture into the page, at most 120 pixels wide and high."""
    small = Image.fromarray(mmcv.imread(path)[..., ::-1])
    small.thumbnail((_SIDE, _SIDE))
    data = io.BytesIO()
    small.save(data, 'JPEG')
    return ('<img alt="" src="data:image/jpeg;base64,'
            f'{base64.b64encode(data.getvalue()).decode()}">')
