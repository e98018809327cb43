"""The configs that come with the package."""
from pathlib import Path

_PACKAGE = Path(__file__).parent


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
    # A wheel carries them under `.mim`, a clone beside the package.
    for folder in (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs'):
        path = folder / name
        if path.is_file():
            return str(path)
    found = sorted(path.name for path in folder.glob('*.py'))
    raise FileNotFoundError(
        f'mmjtln comes with no config {name!r} (looked in {folder}). '
        f'Set one of {", ".join(found)}.')
