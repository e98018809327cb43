"""The solar cells and their parts, from a package of elpv-dataset's layout."""
import importlib
import sys

import numpy as np
import pytest
from PIL import Image

from tests.load_tool import load_tool, run_tool

LEVELS = ('0.0', '0.3333333333333333', '0.6666666666666666', '1.0')


def test_solar_cells_are_dealt_out_by_type_and_level(tmp_path, monkeypatch):
    """Of ten of a level four, two and four; each once, with its label."""
    data = tmp_path / 'elpv_dataset' / 'data'
    (data / 'images').mkdir(parents=True)
    (data.parent / '__init__.py').touch()
    cells = [(kind, level) for kind in ('mono', 'poly') for level in range(4)
             for _ in range(20)]
    lines, truth = [], {}
    for i in np.random.default_rng(0).permutation(len(cells)):
        name = f'images/cell{i:04d}.png'
        Image.fromarray(np.full((6, 6), i, np.uint8)).save(data / name)
        truth[name] = cells[i]
        lines.append(f'{name}  {LEVELS[cells[i][1]]:20} {cells[i][0]}\n')
    (data / 'labels.csv').write_text(''.join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'elpv_dataset', raising=False)
    importlib.invalidate_caches()
    load_tool('dataset_converters/fetch_pictures').elpv(
        tmp_path, out := tmp_path / 'out')
    found = {part: dict(map(str.split, (
        out / f'{part}.txt').read_text().splitlines()))
        for part in ('poly', 'mono_train', 'mono_val', 'mono_test')}
    assert found['poly'] == {name: str(level) for name, (kind, level)
                             in truth.items() if kind == 'poly'}
    # In the order of the file, which few-shot draws depend on.
    assert [*found['poly']] == [name for name in truth if name
                                in found['poly']]
    parts = [found[f'mono_{part}'] for part in ('train', 'val', 'test')]
    assert {**parts[0], **parts[1], **parts[2]} == {
        name: str(level // 2) for name, (kind, level) in truth.items()
        if kind == 'mono'}
    for part, count in zip(parts, (8, 4, 8), strict=True):
        levels = [truth[name][1] for name in part]
        assert np.bincount(levels).tolist() == [count] * 4
    assert np.asarray(Image.open(out / 'images/cell0003.png'))[0, 0] == 3


@pytest.mark.parametrize('name', ['food', 'garments', 'elpv'])
def test_what_a_set_needs_is_named_before_anything_is_fetched(
        name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tool = load_tool('dataset_converters/fetch_pictures')
    monkeypatch.setattr(tool, 'find_spec', lambda name: None)
    monkeypatch.setattr(tool.shutil, 'which', lambda name: None)
    needed = dict(food='npm', garments='apt-get', elpv='elpv_dataset')[name]
    with pytest.raises(SystemExit, match=f'{name} needs {needed}'):
        run_tool('dataset_converters/fetch_pictures', name)
    assert not list(tmp_path.iterdir())
