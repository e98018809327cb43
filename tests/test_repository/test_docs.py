"""The documentation's commands and code blocks are what they say.

A fenced ``bash`` block holds commands. Each must name files that exist and
flags that its tool takes: the tool's own parser reads them. What is marked
``bash ci`` is run by continuous integration, word for word. A ``python``
block is run, or, where it is a config, read and its types looked up.
"""
import argparse
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry
from mmpretrain import registry as host_registries

import mmjtln.registry as registries

ROOT = Path(__file__).parents[2]
#: All pages but that made from the code.
PAGES = sorted([ROOT / 'README.md', *(
    page for folder in ('configs', 'mmjtln', 'tools', '.github')
    for page in (ROOT / folder).rglob('*.md')
    if not {'results', '.mim'} & {*page.parts}
    and page.name != 'CONTENTS.md')])
FENCE = re.compile(r'^( *)```(\w+)([^\n]*)\n(.*?)^\1```', re.M | re.S)
#: Whose objects a config names by ``type``.
REGISTRIES = [value for module in (registries, host_registries)
              for value in vars(module).values()
              if isinstance(value, Registry)]


def blocks(kind: str) -> list:
    """Find the blocks of a language on all pages, as test parameters."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding='utf-8')
        for match in FENCE.finditer(text):
            indent, language, info, code = match.groups()
            if language == kind:
                code = re.sub(f'^{indent}', '', code, flags=re.M)
                line = text.count('\n', 0, match.start()) + 1
                name = f'{page.relative_to(ROOT)}:{line}'
                found.append(pytest.param(page, info.strip(), code, id=name))
    return found


def commands(code: str) -> list[list[str]]:
    """Split a block into commands, each a list of words."""
    found = []
    for line in code.replace('\\\n', ' ').splitlines():
        for command in line.split('&&'):
            words = shlex.split(command, comments=True)
            while words and re.fullmatch(r'\w+=.*', words[0]):
                words = words[1:]
            if words:
                found.append(words)
    return found


def known_flags(monkeypatch, script: str, arguments: list[str]) -> None:
    """Let a tool read its arguments, and go no further."""

    class ReadError(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_only(self, args=None, namespace=None):
        parse(self, args, namespace)
        raise ReadError

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', parse_only)
    monkeypatch.setattr(sys, 'argv', [script, *arguments])
    monkeypatch.syspath_prepend(str((ROOT / script).parent))
    with pytest.raises(ReadError):
        runpy.run_path(str(ROOT / script), run_name='__main__')


@pytest.mark.parametrize('page, info, code', blocks('bash'))
def test_commands(page, info, code, monkeypatch):
    """Tools and files are there, and tools take the flags."""
    if info == 'ci':
        return
    subprocess.run(['bash', '-n'], input=code, text=True, check=True)
    for words in commands(code):
        for word in words:
            if word.startswith(('configs/', 'tools/')) and '{' not in word:
                assert (ROOT / word).exists(), word
        scripts = [i for i, word in enumerate(words)
                   if re.fullmatch(r'tools/.*\.py', word)]
        if scripts:
            first = scripts[0]
            known_flags(monkeypatch, words[first], words[first + 1:])
            monkeypatch.undo()


def types_of(cfg) -> list[str]:
    """Return all that a config names by ``type``."""
    if isinstance(cfg, dict):
        own = [cfg['type']] if isinstance(cfg.get('type'), str) else []
        return own + [t for value in cfg.values() for t in types_of(value)]
    if isinstance(cfg, list | tuple):
        return [t for value in cfg for t in types_of(value)]
    return []


@pytest.mark.parametrize('page, info, code', blocks('python'))
def test_python(page, info, code, tmp_path, monkeypatch):
    """A config can be read and its types are known; other code runs."""
    if info == 'onnx':
        return  # Run by tests/test_tools/test_export.py, on a file.
    if not re.search(r'^(_base_|model|custom_hooks|train_dataloader) = ',
                     code, re.M):
        monkeypatch.chdir(ROOT)
        exec(compile(code, str(page), 'exec'), {})  # noqa: S102
        return
    # Where its relative `_base_` files are: within configs, or beside it.
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs',
                    ignore=shutil.ignore_patterns('results', '*.png'))
    folder = tmp_path / ('configs' if re.search(r"'\.\.?/", code) else '.')
    (folder / 'own.py').write_text(code)
    cfg = Config.fromfile(folder / 'own.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        for name in types_of(cfg.to_dict()):
            assert any(registry.get(name) for registry in REGISTRIES), name
