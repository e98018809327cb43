"""The packages mmjtln plugs into, and the check that they are usable."""
import importlib

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
