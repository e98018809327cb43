"""A whole comparison of small runs, through the command of the README."""
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from mmjtln.comparison import Method, Study
from mmjtln.comparison.run import config_text
from mmjtln.registry import MODELS
from tests.load_tool import TOOLS, run_tool

TOOL = TOOLS / 'compare_methods.py'


@pytest.fixture
def config(tiny_run, tmp_path):
    """Return the path of a config with a method that fails."""
    tiny_run.pop('work_dir')
    tiny_run.train_dataloader.batch_sampler.epoch = 2
    tiny_run.comparison = dict(methods=dict(
        consecutive=dict(
            kind='consecutive',
            grid={'optim_wrapper.optimizer.lr': [0.01, 0.02]}),
        jtln=dict(kind='jtln', start='source'),
        broken=dict(kind='jtln', options={'model.backbone.depth': 17})))
    path = tmp_path / 'my_jtln.py'
    tiny_run.dump(path)
    return path


def test_comparison(config, tmp_path, capsys, monkeypatch):
    """It tunes, reports, survives a run that crashes, and goes on.

    The second command finds every run finished but the crashed one, and one
    whose result was taken away; that one comes out the same.
    """
    # With it the last line of a log would be the error's in any case.
    monkeypatch.delenv('PYTHONUNBUFFERED', raising=False)
    out = tmp_path / 'out'
    args = (config, '--seeds', '0-1', '--tune', '100', '--jobs', '2',
            '--work-dir', out)
    run_tool('compare_methods', *args)
    first = json.loads((out / 'results.json').read_text())
    assert first['seeds'] == [0, 1] and first['versions']['torch']
    methods = first['methods']
    for name in ('consecutive', 'jtln'):
        for run in methods[name]['runs']:
            assert 0 <= run['test'] <= 100 and run['steps'] == 4
    assert methods['consecutive']['runs'][0]['source_steps'] == 4
    for run in methods['jtln']['runs']:
        with (out / f'runs/jtln/seed{run["seed"]}/predictions.csv').open(
                ) as file:
            kept = list(csv.DictReader(file))
        assert list(kept[0]) == ['path', 'class', 'score', 'label']
        assert 100 * np.mean([row['class'] == row['label']
                              for row in kept]) == pytest.approx(run['test'])
    tuning = methods['consecutive']['tuning']
    best = max(point['validation'] for point in tuning)
    assert methods['consecutive']['options'] == next(
        point['options'] for point in tuning if point['validation'] == best)
    for run in methods['broken']['runs']:
        assert '17' in run['error'] and 'log.txt' in run['error']
    rows = list(csv.DictReader((out / 'table.csv').open()))
    assert [row['method'] for row in rows] == list(methods)
    assert (out / 'plot.png').read_bytes().startswith(b'\x89PNG')
    assert '(2 failed)' in (out / 'table.md').read_text()
    assert not list(out.glob('runs/jtln/*/*.pth'))

    capsys.readouterr()
    (out / 'runs/jtln/seed1/result.json').unlink()
    run_tool('compare_methods', *args)
    shown = capsys.readouterr().out
    assert 'jtln/seed1' in shown and 'jtln/seed0' not in shown
    again = json.loads((out / 'results.json').read_text())
    assert [run['test'] for run in again['methods']['jtln']['runs']] == [
        run['test'] for run in methods['jtln']['runs']]


@pytest.mark.parametrize(['found', 'chosen'], [
    ((60., 60., 60., 50.), .2), ((50., 60., 70., 70.), .3),
    ((70., 60., 60., 70.), .1), ((None, 40., None, 70.), .4)])
def test_of_level_points_an_end_of_the_grid_is_the_last(
        tiny_run, tmp_path, found, chosen):
    """Runs that are finished are not made again, only compared."""
    key, rates = 'optim_wrapper.optimizer.lr', [.1, .2, .3, .4]
    method = Method('alone', kind='target', grid={key: rates})
    study = Study(tiny_run, [method], [0], [100], [], tmp_path / 'out', 1)
    jobs = [study._job(method, {key: rate}, 100, None) for rate in rates]
    jobs.append(study._job(method, {key: chosen}, 0, None))
    for (name, cfg), value in zip(jobs, [*found, 75.], strict=True):
        folder = study.runs / name
        folder.mkdir(parents=True)
        (folder / 'config.json').write_text(config_text(cfg))
        (folder / 'result.json').write_text(json.dumps(
            dict(error='no') if value is None else dict(
                validation=value, test=value)))
    about = study.run().methods['alone'].about
    assert about['options'] == {key: chosen}
    assert [point['validation'] for point in about['tuning']] == [*found]


def test_only_what_starts_from_the_source_fails_with_it(
        tiny_run, tmp_path):
    """Not what starts from a checkpoint of the config's own."""
    tiny_run.pop('work_dir')
    tiny_run.train_dataloader.batch_sampler.epoch = 2
    tiny_run.load_from = str(tmp_path / 'start.pth')
    torch.save(MODELS.build(tiny_run.model).state_dict(), tiny_run.load_from)
    tiny_run.comparison = dict(
        source={'model.backbone.depth': 17},
        methods=dict(target_only=dict(kind='target'),
                     consecutive=dict(kind='consecutive')))
    tiny_run.dump(tmp_path / 'my_jtln.py')
    out = tmp_path / 'out'
    run_tool('compare_methods', tmp_path / 'my_jtln.py', '--seeds', '0',
             '--work-dir', out)
    methods = json.loads((out / 'results.json').read_text())['methods']
    assert 'test' in methods['target_only']['runs'][0]
    assert 'source' in methods['consecutive']['runs'][0]['error']


@pytest.mark.parametrize('args, word', [
    (('--seeds', '0-3', '--tune', '3-4'), r'\[3\]'),
    (('--seeds', '0-3'), '--tune'),
    (('--methods', 'jtln,magic', '--tune', '9'), 'magic'),
    (('--seeds', 'many'), 'many'),
    (('--seeds', '3-1'), "got '3-1'"),
    (('--seeds', '0-2,1'), 'each once'),
    (('--tune', '99', '--shots', '0'), 'at least 1, got 0'),
    (('--tune', '99', '--shots', '1,99'), 'shots=99 images, but class'),
    # Tuning is at the config's own number.
    (('--tune', '99', '--shots', '1', '--cfg-options',
      'train_dataloader.dataset.target.shots=98'),
     'shots=98 images, but class'),
    (('--tune', '99', '--against', 'jtln,magic'), r"got \['magic'\]"),
    (('--tune', '99', '--jobs', '0'), 'at least 1, got 0'),
])
def test_bad_arguments_are_refused_before_anything_runs(
        config, tmp_path, capsys, args, word):
    with pytest.raises(SystemExit):
        run_tool('compare_methods', config, '--work-dir', tmp_path / 'out',
                 *args)
    assert re.search(word, capsys.readouterr().err)
    assert not (tmp_path / 'out').exists()


def processes(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rsplit(')', 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != 'Z':
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path('/proc/self/stat').exists(), reason='Linux')
def test_killed_comparison_leaves_no_run(config, tmp_path):
    """A second start is refused while it runs; after SIGKILL none lives on.

    Loader workers, which run in processes of a run, included.
    """
    out = tmp_path / 'out'
    command = [
        sys.executable, str(TOOL), str(config), '--seeds', '0', '--tune', '1',
        '--methods', 'jtln', '--work-dir', str(out), '--cfg-options',
        'train_dataloader.num_workers=1', 'train_cfg.max_epochs=10000']
    env = {**os.environ, 'OMP_NUM_THREADS': '1'}
    with subprocess.Popen(command, env=env, start_new_session=True,
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            log = out / 'runs/source/seed0/log.txt'
            # The first checkpoint: training, its workers included, goes on.
            while not list(log.parent.glob('epoch_*.pth')):
                assert process.poll() is None
                time.sleep(.2)
            assert len(processes(process.pid)) > 2
            with pytest.raises(RuntimeError, match='another comparison is'):
                run_tool('compare_methods', *command[2:])
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            for _ in range(1000):  # They notice, and end.
                if processes(process.pid):
                    time.sleep(.2)
            assert not processes(process.pid)
        finally:
            for left in processes(process.pid):
                os.kill(left, signal.SIGKILL)
