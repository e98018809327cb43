"""The code passes the checks of .pre-commit-config.yaml."""
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HOOKS = {
    hook['id']: hook['entry'] for repository in yaml.safe_load(
        (ROOT / '.pre-commit-config.yaml').read_text())['repos']
    for hook in repository['hooks']}


@pytest.mark.parametrize('name', sorted(HOOKS.keys() - {'pages'}))
def test_hook(name):
    """It has nothing to say."""
    tool, *arguments = shlex.split(HOOKS[name])
    tool = {'codespell': 'codespell_lib'}.get(tool, tool)
    pytest.importorskip(tool)
    done = subprocess.run([sys.executable, '-m', tool, *arguments], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
