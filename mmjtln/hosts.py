"""The packages mmjtln plugs into, and the check that they are usable."""
import importlib
import importlib.util
import logging
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from mmjtln.errors import require
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
#: What the hosts say of themselves and no user can act on, by how it begins:
#: as warnings while they are imported, and in the log.
_HOST_WARNINGS = (
    'Fail to import ``MultiScaleDeformableAttention``',  # Of mmcv-lite.
    'pkg_resources is deprecated',
)
_HOST_LINES = (
    'backbone feature_info', '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias')


def quiet_hosts() -> None:
    """Leave out what the hosts say of themselves, see above."""
    for beginning in _HOST_WARNINGS:
        warnings.filterwarnings('ignore', beginning)
    check_hosts()
    from mmengine.logging import MMLogger

    def heard(logger: MMLogger, record: logging.LogRecord) -> Any:
        return (not str(record.msg).startswith(_HOST_LINES)
                and logging.Logger.filter(logger, record))

    # Each run makes a logger of its own.
    setattr(MMLogger, 'filter', heard)  # noqa: B010


def any_host() -> bool:
    """Tell whether one of the hosts is installed, without importing it."""
    return any(importlib.util.find_spec(name) for name in HOSTS)


def check_hosts() -> None:
    """Import the hosts and refuse versions outside of :data:`HOSTS`."""
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
    """Import MMPretrain's ``train`` or ``test``; its options keep blanks."""
    spec: Any = importlib.util.spec_from_file_location(
        f'mmpretrain_{name}', host_file(f'tools/{name}.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from mmjtln.run_config import OptionsAction
    vars(module)['DictAction'] = OptionsAction
    return module


def host_file(name: str) -> Path:
    """Find a file of MMPretrain's repository in the installed package."""
    root = Path(str(importlib.import_module('mmpretrain').__file__)).parent
    path = _carried(root, name)
    require(path, f'MMPretrain must carry {name}', f'but that in {root} does '
            'not', 'Install it from its wheel: pip install mmpretrain',
            FileNotFoundError)
    return path


def recipe(name: str) -> str:
    """Return the path of a config of this package, to inherit from.

    MMEngine evaluates ``_base_`` as an expression, so a config anywhere can
    say ``_base_ = __import__('mmjtln').recipe('jtln_resnet50_folders.py')``,
    with the tools of MMPretrain as with ours.

    Args:
        name (str): Its path in the folder ``configs``.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    package = Path(__file__).parent
    path = _carried(package, f'configs/{name}')
    known = sorted(p.name for p in _carried(package, 'configs').glob('*.py'))
    require(path, 'A recipe must be a config of mmjtln', f'but {name} is none',
            f'Set one of {", ".join(known)}', FileNotFoundError)
    return str(path)


def _carried(package: Path, name: str) -> Any:
    """Find what wheels carry in `.mim`, checkouts beside the package."""
    for path in (package / '.mim' / name, package.parent / name):
        if path.exists():
            return path
    return None
