"""Write CONTENTS.md: all that is public, with one line and a link each."""
import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

from mmengine.registry import Registry

import mmjtln
import mmjtln.registry as registries

ROOT = Path(__file__).parents[1]
PAGE = ROOT / '.github/CONTENTS.md'
HEAD = """# Contents

Made from the code by `python .github/contents.py`: what a config, a script or
a notebook uses, by room.
"""


def line(name: str, path: str | Path, about: str) -> str:
    """Return the line of one name."""
    file = Path(path).relative_to(ROOT)
    return f'- [{name}](../{file}): {about}\n'


def summary(thing: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    paragraph = inspect.getdoc(thing).partition('\n\n')[0]
    paragraph = re.sub(r':\w+:`~?(?:\w+\.)*(\w+)`', r'`\1`', paragraph)
    return ' '.join(paragraph.replace('``', '`').split())


def public() -> dict[str, dict[str, Any]]:
    """Return what each room exports or registers, by its name."""
    rooms = {}
    for module in pkgutil.walk_packages(mmjtln.__path__, 'mmjtln.'):
        loaded = importlib.import_module(module.name)
        if names := getattr(loaded, '__all__', None):
            rooms[module.name] = {
                name: getattr(loaded, name) for name in names}
    rooms['mmjtln'] = {'recipe': mmjtln.recipe}
    known = {name for room in rooms.values() for name in room}
    for registry in vars(registries).values():
        if isinstance(registry, Registry):
            for name, part in registry.module_dict.items():
                if name not in known and part.__module__.startswith('mmjtln.'):
                    rooms.setdefault(part.__module__, {})[name] = part
    return dict(sorted(rooms.items()))


def config_line(path: Path) -> str:
    """Return the line of a config: the first sentence of its head."""
    comment = re.search(r'(^#.*\n)+', path.read_text(encoding='utf-8'), re.M)
    text = re.split(r'\. |\.$|: *$|Command:|Base:',
                    ' '.join(re.sub('^#', '', comment[0], flags=re.M).split()))
    return line(path.name, path, text[0].strip() + '.')


def contents() -> str:
    """Return the page."""
    parts = [HEAD]
    for room, things in public().items():
        parts.append(f'\n## {room}\n\n')
        for name, thing in sorted(things.items()):
            if callable(thing):
                file = inspect.getsourcefile(inspect.unwrap(thing))
                parts.append(line(name, file, summary(thing)))
    parts.append('\n## Tools\n\n')
    for path in sorted((ROOT / 'tools').rglob('*.py')):
        code = path.read_text(encoding='utf-8')
        if "__name__ == '__main__'" in code:
            doc = ast.get_docstring(ast.parse(code)).partition('\n\n')[0]
            parts.append(line(str(path.relative_to(ROOT / 'tools')), path,
                              ' '.join(doc.split())))
    parts.append('\n## Recipes and comparisons\n\n')
    for folder in ('', 'stock', 'compare', 'compare/frozen'):
        parts += map(config_line,
                     sorted((ROOT / 'configs' / folder).glob('*.py')))
    return ''.join(parts)


if __name__ == '__main__':
    PAGE.write_text(contents(), encoding='utf-8')
