"""The files of a comparison: results.json, tables and a plot."""
import csv
import io
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmjtln.checks.warnings import is_validation
from mmjtln.datasets.build import build_dataset
from mmjtln.files.atomic_file import atomic_write
from mmjtln.visualization.heatmap import try_drawing

from .results import Results, Row, summarise
from .statistics import LEAST, Difference, Interval

#: What a comparison measures, if the test set is one.
TEST_ACCURACY = 'test accuracy'


def write(results: Results, references: list[str], folder: Path,
          measured: str = TEST_ACCURACY) -> str:
    """Write ``results.json``, ``table.md``, ``table.csv`` and ``plot.png``."""
    rows = summarise(results, references)
    table = markdown(rows, references, measured)
    files = {
        'results.json': _json(results.to_json(rows)).encode(),
        'table.md': table.encode(),
        'table.csv': _csv(rows, references, measured).encode(),
        'plot.png': try_drawing(plot, rows, measured)
    }
    for name, content in files.items():
        if content is not None:
            with atomic_write(folder / name) as file:
                file.write(content)
    return table


def reported_accuracy(cfg: Config) -> str:
    """Name what is measured on the test set of a config."""
    return TEST_ACCURACY if not is_validation({
        split: build_dataset(cfg[f'{split}_dataloader'].dataset)
        for split in ('val', 'test')}) else (
            'validation accuracy (the test set is the validation set)')


def markdown(rows: list[Row], references: list[str], measured: str) -> str:
    """Return the table as Markdown."""
    with_shots = any(row.shots is not None for row in rows)
    balanced = any(row.balanced is not None for row in rows)
    head = [*(['shots'] if with_shots else []), 'method',
            f'{measured}, % [95 % CI]',
            *(['mean of the classes, %'] if balanced else []),
            *(f'against {name} [95 % CI], p' for name in references),
            'steps', 'seconds']
    lines = ['| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
    for row in rows:
        cells = [str(row.shots)] if with_shots else []
        cells += [row.method, _interval(row.accuracy, '.1f')]
        if row.failed:
            cells[-1] += f' ({row.failed} failed)'
        if balanced:
            cells.append(f'{row.balanced:.1f}')
        cells += [_difference(row.against.get(name)) for name in references]
        cells += [_sum(row.source_steps, row.steps),
                  _sum(row.source_seconds, row.seconds)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    if any(row.accuracy.n < LEAST for row in rows):
        lines += ['', f'An interval needs {LEAST} seeds or more.']
    return '\n'.join(lines) + '\n'


def plot(rows: list[Row], measured: str) -> bytes:
    """Draw means and intervals, over shots if there are several; as PNG."""
    from matplotlib.figure import Figure
    methods = list(dict.fromkeys(row.method for row in rows))
    shots: list[Any] = list(dict.fromkeys(row.shots for row in rows))
    curves = len(shots) > 1
    figure = Figure(figsize=(6.4, 3.5 * curves + 1.2 + .3 * len(methods)),
                    layout='constrained')
    axes = figure.add_subplot()
    for number, method in enumerate(methods):
        found = [row for row in rows if row.method == method
                 and row.accuracy.mean is not None]
        means: Any = [row.accuracy.mean for row in found]
        # Without an interval: a point without bars.
        spread = [[0. if row.accuracy.low is None else
                   mean - row.accuracy.low
                   for mean, row in zip(means, found, strict=True)]]
        if curves:
            # A little apart, so that the bars do not hide each other.
            shift = 1 + .02 * (number - len(methods) / 2)
            # Colours come round again after ten.
            look: Any = dict(marker='o') if number < 10 else dict(
                marker='s', linestyle='--')
            axes.errorbar([(row.shots or 0) * shift for row in found], means,
                          yerr=spread, capsize=2, label=method, **look)
        else:
            axes.errorbar(means, [number] * len(means), xerr=spread,
                          marker='o', capsize=3, color=f'C{number}')
    if curves:
        # Linear up to one image, as zero has no logarithm.
        axes.set_xscale('symlog', linthresh=1)
        axes.set_xticks(shots, [str(number) for number in shots])
        axes.minorticks_off()
        axes.set(xlabel='labelled target images a class',
                 ylabel=f'target {measured}, %')
        # Inside it would hide points.
        figure.legend(loc='outside lower center', ncols=2, fontsize='small')
    else:
        axes.set_yticks(range(len(methods)), methods)
        axes.invert_yaxis()
        axes.set_xlabel(f'target {measured}, % (mean, 95 % CI)')
    axes.grid(alpha=.3)
    file = io.BytesIO()
    figure.savefig(file, format='png', dpi=120)
    return file.getvalue()


def _json(value: Any, pad: str = '\n') -> str:
    """Write JSON with a line for each item of a list, such as a run."""
    parts = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(parts, list) or not any(
            isinstance(part, dict | list) for part in parts):
        return json.dumps(value)
    if isinstance(value, list):
        lines = [json.dumps(part) for part in value]
        return f'[{pad} ' + f',{pad} '.join(lines) + f'{pad}]'
    lines = [f'{json.dumps(str(key))}: {_json(part, pad + " ")}'
             for key, part in value.items()]
    return f'{{{pad} ' + f',{pad} '.join(lines) + f'{pad}}}'


def _csv(rows: list[Row], references: list[str], measured: str) -> str:
    names = ['shots', 'method', 'seeds', 'failed', 'mean', 'low', 'high', *(
        ['balanced'] if any(row.balanced is not None for row in rows) else []
    ), *(
        f'{key}_against_{name}' for name in references
        for key in ('mean', 'low', 'high', 'p', 'holm')),
        'source_steps', 'steps', 'source_seconds', 'seconds']
    if measured != TEST_ACCURACY:
        names.append('measured')
    file = io.StringIO()
    writer = csv.DictWriter(file, names, extrasaction='ignore',
                            lineterminator='\n')
    writer.writeheader()
    for row in rows:
        differences = {
            f'{key}_against_{name}': value
            for name, found in row.against.items()
            for key, value in vars(found).items()}
        writer.writerow({
            **vars(row), **vars(row.accuracy), **differences,
            'seeds': row.accuracy.n, 'measured': measured})
    return file.getvalue()


def _interval(found: Interval, form: str) -> str:
    if found.mean is None:
        return '-'
    text = format(found.mean, form)
    if found.low is not None:
        text += f' [{found.low:{form}}, {found.high:{form}}]'
    return text


def _difference(found: Difference | None) -> str:
    if found is None or found.mean is None:
        return ''
    text = _interval(found, '+.2f')
    if found.holm is not None:
        text += ', ' + ('<0.001' if found.holm < .001 else f'{found.holm:.3f}')
    return text


def _sum(first: float, second: float) -> str:
    return f'{first:.0f} + {second:.0f}' if first else f'{second:.0f}'
