"""The sdist and the wheel hold what they should, and run without a clone."""
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import mmjtln
from tests.pictures import own_config, picture_folders

ROOT = Path(__file__).parents[2]
#: Beside the folders mmjtln, configs and tools.
TOP = ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'MANIFEST.in',
       'model-index.yml')
#: What mim needs besides OpenMMLab's packages and PyTorch's. Its own
#: requirements name a downloader that asks for a setuptools of years ago.
MIM = ('openmim', 'colorama', 'tabulate', 'requests', 'urllib3', 'certifi',
       'charset-normalizer', 'idna')


def command(*words, cwd: Path | None = None) -> str:
    """Run a command, away from this clone, and return what it says."""
    result = subprocess.run(
        [str(word) for word in words], cwd=cwd, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={
            name: value for name, value in os.environ.items()
            if name != 'PYTHONPATH'})
    assert result.returncode == 0, result.stdout[-3000:]
    return result.stdout


@pytest.fixture(scope='module')
def dist(tmp_path_factory) -> Path:
    """Build both as a release does, from a copy that holds more than git."""
    copy = tmp_path_factory.mktemp('copy')
    for name in TOP:
        shutil.copy(ROOT / name, copy)
    for name in ('mmjtln', 'configs', 'tools', 'tests', '.github'):
        shutil.copytree(ROOT / name, copy / name, ignore=lambda *_: ['.mim'])
    (copy / 'work_dirs').mkdir()
    (copy / 'work_dirs/notes.py').touch()
    command(sys.executable, '-m', 'build', copy)
    return copy / 'dist'


@pytest.fixture(scope='module')
def installed(dist, tmp_path_factory) -> Path:
    """Return the commands of an environment that holds the wheel and mim.

    It is lent the dependencies that are installed here: the two commands of
    the README prove that pip brings them.
    """
    environment = tmp_path_factory.mktemp('environment')
    command(sys.executable, '-m', 'venv', environment)
    commands = environment / 'bin'
    wheel, = dist.glob('*.whl')
    command(commands / 'pip', 'install', '-q', '--no-deps', wheel, *MIM)
    site, = environment.glob('lib/*/site-packages')
    # Not that of the environment's birth, but the one that PyTorch asks for.
    command(commands / 'pip', 'uninstall', '-qy', 'setuptools')
    for path in Path(sysconfig.get_path('purelib')).iterdir():
        if 'mmjtln' not in path.name and not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    command(commands / 'pip', 'install', '--no-index', 'mmjtln[demo]')
    return commands


def package_files() -> set[str]:
    """Return the files of the package that a user gets."""
    return {str(path.relative_to(ROOT))
            for path in (ROOT / 'mmjtln').rglob('*')
            if path.suffix in ('.py', '.typed')
            and '.mim' not in path.parts}


def folder_files() -> set[str]:
    """Return those of configs and tools, without what was measured."""
    return {str(path.relative_to(ROOT)) for name in ('configs', 'tools')
            for path in (ROOT / name).rglob('*') if path.is_file()
            and not {'results', 'figures', '__pycache__'} & {*path.parts}}


@pytest.mark.slow
def test_files(dist):
    """The package, what mim reads, and nothing of tests and results."""
    version = mmjtln.__version__
    wheel, = dist.glob('*.whl')
    assert wheel.name == f'mmjtln-{version}-py3-none-any.whl'
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist()
                 if not name.startswith(f'mmjtln-{version}.dist-info/')}
    carried = {*folder_files(), 'model-index.yml'}
    assert names == package_files() | {
        f'mmjtln/.mim/{name}' for name in carried}

    with tarfile.open(dist / f'mmjtln-{version}.tar.gz') as file:
        names = {member.name.partition('/')[2] for member in file
                 if member.isfile()}
    made = {name for name in names
            if name in ('PKG-INFO', 'setup.cfg') or '.egg-info/' in name}
    assert names - made == package_files() | folder_files() | {*TOP}


@pytest.mark.slow
def test_mim(installed, tmp_path):
    """The main job by `mim search`, `train` and `run`, outside a clone."""

    def mim(*words):
        return command(installed / 'mim', *words, cwd=tmp_path)

    found = mim('search', 'mmjtln')
    for recipe in (ROOT / 'configs').glob('*.py'):
        assert f'config id: {recipe.stem}\n' in found
    said = mim('train', 'mmjtln', 'jtln_alexnet.py', '--gpus', 0,
               '--work-dir', 'work', '--cfg-options', 'train_cfg.max_epochs=1',
               'train_dataloader.batch_sampler.epoch=2')
    assert f'{installed.parent}/lib' in said
    assert 'Epoch(test)' in said and 'target/accuracy/top1' in said
    best, = (tmp_path / 'work').glob('best_*.pth')
    said = mim('run', 'mmjtln', 'test', 'work/jtln_alexnet.py', best)
    assert 'target/accuracy/top1' in said
    # A config of a user's own inherits a recipe that the wheel carries.
    picture_folders(tmp_path)
    config = own_config(tmp_path, 'jtln_resnet50_folders.py')
    said = mim('train', 'mmjtln', config, '--gpus', 0)
    assert 'Epoch(test)' in said and 'target/accuracy/top1' in said


def test_names_that_mim_finds_by():
    """`mim train mmjtln NAME` refuses a name that two files have."""
    names = [path.name for path in (ROOT / 'configs').rglob('*.py')
             if 'results' not in path.parts]
    for recipe in (ROOT / 'configs').glob('*.py'):
        assert names.count(recipe.name) == 1, recipe.name


def test_unknown_recipe():
    """The error says which there are."""
    with pytest.raises(FileNotFoundError, match='jtln_resnet50_folders.py'):
        mmjtln.recipe('jtln_resnet5000.py')
