"""The packages mmjtln plugs into, and the check that they are usable."""
import importlib
import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

from mmjtln.errors import refusal
from mmjtln.version import __version__

#: Import name -> (lowest version accepted, first version refused).
HOSTS = {
    'mmengine': ('0.10.7', '1.0.0'),
    'mmcv': ('2.1.0', '3.0.0'),
    'mmpretrain': ('1.2.0', '2.0.0'),
}
INSTALL_HINT = (
    'Install OpenMMLab\'s packages with `pip install "mmjtln[openmmlab]"` '
    '(from a checkout: `pip install -e ".[openmmlab]"`), or OneDL\'s '
    'maintained fork of them with the extra `onedl` instead; not both, they '
    'share their import names.')


#: Warnings of the hosts about themselves, by how they begin: whoever trains
#: can do nothing about them.
_HOST_WARNINGS = (
    'Fail to import ``MultiScaleDeformableAttention``',  # Of mmcv-lite.
    'pkg_resources is deprecated',
)


def quiet_hosts() -> None:
    """Leave out what the hosts say of themselves while they are imported."""
    for beginning in _HOST_WARNINGS:
        warnings.filterwarnings('ignore', beginning)


def check_hosts() -> None:
    """Import the hosts and compare their versions with :data:`HOSTS`.

    Raises:
        ImportError: If a host is missing, fails to import, or has a version
            outside its range. The message names the command to run.
    """
    for name, (lowest, refused) in HOSTS.items():
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f'mmjtln {__version__} is a plugin and needs `{name}`, which '
                f'could not be imported ({error}). {INSTALL_HINT}') from error
        from mmengine.utils import digit_version
        version = digit_version(module.__version__)
        if not digit_version(lowest) <= version < digit_version(refused):
            raise ImportError(
                f'mmjtln {__version__} needs {name} >= {lowest}, < {refused}, '
                f'but {module.__version__} is installed. {INSTALL_HINT}')


def load_host_tool(name: str) -> ModuleType:
    """Import one of MMPretrain's scripts as a module.

    Args:
        name (str): Its file name without ``.py``, such as ``'train'``.

    Returns:
        ModuleType: With the script's ``parse_args`` and ``merge_args``.

    Raises:
        FileNotFoundError: If the installed MMPretrain carries no scripts.
    """
    path = host_file(f'tools/{name}.py')
    spec = importlib.util.spec_from_file_location(f'mmpretrain_{name}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def host_file(name: str) -> Path:
    """Find what MMPretrain's wheel carries: its ``configs`` and ``tools``.

    Args:
        name (str): A path in MMPretrain's repository.

    Returns:
        Path: The file or folder.

    Raises:
        FileNotFoundError: If the installed MMPretrain does not carry it.
    """
    root = Path(importlib.import_module('mmpretrain').__file__).parent
    # A wheel carries them under `.mim`, a checkout beside the package.
    for path in (root / '.mim' / name, root.parent / name):
        if path.exists():
            return path
    raise FileNotFoundError(
        f'The installed MMPretrain ({root}) carries no {name}. Install it '
        'from its wheel: pip install mmpretrain.')


def recipe(name: str) -> str:
    """Return the path of a config of this package, to inherit from.

    MMEngine evaluates ``_base_`` as an expression, so a config anywhere can
    say ``_base_ = __import__('mmjtln').recipe('jtln_resnet50_folders.py')``,
    with the tools of MMPretrain as with ours.

    Args:
        name (str): Its path in the folder ``configs``.

    Returns:
        str: Its path in the installed package, or in the clone.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    package = Path(__file__).parent
    # A wheel carries them under `.mim`, a clone beside the package.
    for folder in (package / '.mim' / 'configs', package.parent / 'configs'):
        path = folder / name
        if path.is_file():
            return str(path)
    found = ', '.join(sorted(path.name for path in folder.glob('*.py')))
    raise refusal('A recipe must be a config of mmjtln',
                  f'but there is no {name} in {folder}',
                  f'Set one of {found}', FileNotFoundError)
