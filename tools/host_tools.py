"""Access to the tools that MMPretrain's wheel carries, for their flags."""
import importlib.util
from pathlib import Path
from types import ModuleType

import mmpretrain


def load_host_tool(name: str) -> ModuleType:
    """Import one of MMPretrain's scripts as a module.

    Args:
        name (str): Its file name without ``.py``, such as ``'train'``.

    Returns:
        module: With the script's ``parse_args`` and ``merge_args``.

    Raises:
        FileNotFoundError: If the installed MMPretrain carries no scripts.
    """
    root = Path(mmpretrain.__file__).parent
    # A wheel carries them under `.mim`, a checkout beside the package.
    for path in (root / '.mim/tools' / f'{name}.py',
                 root.parent / 'tools' / f'{name}.py'):
        if path.is_file():
            break
    else:
        raise FileNotFoundError(
            f'The installed MMPretrain ({root}) carries no tools/{name}.py. '
            'Install it from its wheel: pip install mmpretrain.')
    spec = importlib.util.spec_from_file_location(f'mmpretrain_{name}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
