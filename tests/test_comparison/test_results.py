"""Runs become rows, and what is in files keeps its form."""
import json
from pathlib import Path

import pytest
from mmengine.config import Config

from mmjtln.comparison import MethodResult, Results, RunResult, summarise
from mmjtln.comparison.report import (
    _csv,
    markdown,
    reported_accuracy,
    write,
)
from mmjtln.comparison.statistics import holm
from tests.test_datasets.conftest import Toy  # noqa: F401  registered

RESULTS = Path(__file__).parents[2] / 'configs/compare/results'


def read(path: Path) -> tuple[Results, dict]:
    """Return the objects behind a file of results, and the file."""
    found = json.loads(path.read_text())
    methods = {}
    for name, method in found['methods'].items():
        runs = {(run.pop('shots'), run.pop('seed')): RunResult.of(run)
                for run in json.loads(json.dumps(method['runs']))}
        methods[name] = MethodResult(
            {key: value for key, value in method.items() if key != 'runs'},
            runs)
    about = {key: value for key, value in found.items()
             if key not in ('methods', 'summary')}
    return Results(about, methods), found


@pytest.mark.parametrize(
    'path', sorted(RESULTS.glob('*/results.json')),
    ids=lambda path: path.parent.name)
def test_committed_results_are_what_they_were(path):
    """The rows made of the runs are those of the file, and so is its form."""
    results, found = read(path)
    references = list(dict.fromkeys(
        name for row in found['summary'] for name in row['against']))
    again = results.to_json(summarise(results, references))
    expected = found.pop('summary')
    for row, old in zip(again.pop('summary'), expected, strict=True):
        against, old_against = row.pop('against'), old.pop('against')
        accuracy, old_accuracy = row.pop('accuracy'), old.pop('accuracy')
        assert row == pytest.approx(old)
        assert accuracy == pytest.approx(old_accuracy)
        assert against.keys() == old_against.keys()
        for name, difference in against.items():
            assert difference == pytest.approx(old_against[name])
    for run in (run for method in found['methods'].values()
                for run in method['runs']):
        for key in ('images', 'test_last', 'source_images'):
            run.pop(key, None)  # Of earlier versions.
    assert again == found


def test_results_have_a_line_for_each_run(tmp_path):
    """The file says the same as any JSON of the results."""
    run = RunResult(test=80., seconds=1., options=dict(a=[1]))
    results = Results(dict(seeds=[0, 1], versions=dict(torch='2')), dict(
        it=MethodResult(dict(kind='jtln', tuning=[]),
                        {(None, 0): run, (None, 1): run})))
    rows = summarise(results, [])
    write(results, [], tmp_path)
    text = (tmp_path / 'results.json').read_text()
    assert json.loads(text) == json.loads(json.dumps(results.to_json(rows)))
    assert text.count('\n    {"shots": null, "seed": ') == 2
    table = (tmp_path / 'table.md').read_text()
    assert table.endswith('\nAn interval needs 3 seeds or more.\n')


def test_summary_counts_failures_and_corrects_by_family():
    """A run that failed counts as such, and in no mean."""

    def method(*tests):
        return MethodResult({}, {
            (None, seed): RunResult(error='x') if test is None else
            RunResult(test=test, seconds=1., steps=4)
            for seed, test in enumerate(tests)})

    rows = {row.method: row for row in summarise(Results({}, dict(
        a=method(80., 81., 83., 82.), b=method(82., 84., 84., None),
        c=method(80.5, 80., 83.5))), ['a'])}
    assert rows['b'].failed == 1
    assert rows['b'].accuracy.n == 3 and rows['b'].steps == 4
    assert 'a' not in rows['a'].against
    raw = [rows[name].against['a'].p for name in 'bc']
    assert None not in raw
    assert [rows[name].against['a'].holm for name in 'bc'] == holm(raw)


def test_tables_say_that_the_test_set_is_the_validation_set():
    """In each heading; a test set of its own is named as ever."""
    own = dict(type='Toy', size=3)
    same = dict(type='Toy', size=4)
    joint = dict(type='mmjtln.JointDataset', source=own, target=same)
    for test, words in ((own, 'test accuracy, %'), (same, (
            'validation accuracy (the test set is the validation set), %'))):
        measured = reported_accuracy(Config(dict(
            val_dataloader=dict(dataset=joint),
            test_dataloader=dict(dataset=test))))
        assert f'| method | {words} [95 % CI] |' in markdown([], [], measured)
        header, *_ = _csv([], [], measured).splitlines()
        assert header.endswith(',measured') == ('validation' in words)
