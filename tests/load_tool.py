"""The modules of ``tools/``, which is no package, for tests."""
import importlib
import sys
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[1] / 'tools'


def load_tool(name: str | Path) -> ModuleType:
    """Import a module of ``tools/``, its folder in the path meanwhile.

    ``name`` is its path there, such as ``'long_checks/walk_models'``, or a
    whole path.
    """
    path = TOOLS / name
    sys.path.insert(0, str(path.parent))
    try:
        return importlib.import_module(path.name)
    finally:
        sys.path.remove(str(path.parent))


def run_tool(name: str | Path, *arguments: object) -> int | None:
    """Call a tool's ``main`` as its command line would; return its result."""
    argv, sys.argv = sys.argv, [str(name), *map(str, arguments)]
    try:
        return load_tool(name).main()
    finally:
        sys.argv = argv
