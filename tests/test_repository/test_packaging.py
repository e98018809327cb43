"""A wheel, installed where there is no clone, brings configs and tools."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mmjtln
from tests.pictures import own_config, picture_folders

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """Build a wheel of a copy and install it into a folder of its own."""
    pytest.importorskip('setuptools')
    copy = tmp_path_factory.mktemp('copy')
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE',
                 'MANIFEST.in', 'model-index.yml'):
        shutil.copy(ROOT / name, copy)
    for name in ('mmjtln', 'configs', 'tools'):
        shutil.copytree(ROOT / name, copy / name,
                        ignore=shutil.ignore_patterns('__pycache__', '.mim'))
    site = tmp_path_factory.mktemp('site')
    # No network: nothing is fetched to build with, nothing to install.
    for arguments in (
        ['wheel', '--no-build-isolation', '-w', copy / 'dist', copy],
        ['install', '--target', site, '--no-index', '--find-links',
         copy / 'dist', 'mmjtln']):
        subprocess.run([sys.executable, '-m', 'pip', arguments[0], '-q',
                        '--no-deps', *map(str, arguments[1:])], check=True)
    return site


def run(site: Path, script: Path, *arguments, cwd: Path) -> str:
    """Run a script on the installed package alone."""
    result = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        cwd=cwd, env={**os.environ, 'PYTHONPATH': str(site)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout[-3000:]
    return result.stdout


def test_trains_outside_a_clone(site, tmp_path):
    """The command that `mim train mmjtln my_config.py` gives."""
    tools = site / 'mmjtln/.mim/tools'
    assert (site / 'mmjtln/.mim/configs/_base_/runtime.py').is_file()
    assert (site / 'mmjtln/.mim/model-index.yml').is_file()
    assert not list((site / 'mmjtln/.mim').rglob('results.json'))
    picture_folders(tmp_path)
    config = own_config(tmp_path, 'jtln_resnet50_folders.py')
    (tmp_path / 'where.py').write_text(
        'import mmjtln; print(mmjtln.recipe("jtln_resnet50_folders.py"))')
    shown = run(site, tmp_path / 'where.py', cwd=tmp_path)
    assert str(site / 'mmjtln/.mim/configs') in shown
    shown = run(site, tools / 'train.py', config, '--launcher', 'none',
                cwd=tmp_path)
    assert 'Epoch(test)' in shown and 'target/accuracy/top1' in shown


def test_unknown_recipe():
    """The error says which there are."""
    with pytest.raises(FileNotFoundError, match='jtln_resnet50_folders.py'):
        mmjtln.recipe('jtln_resnet5000.py')
