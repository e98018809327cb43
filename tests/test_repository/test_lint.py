"""The code keeps the rules of pyproject.toml, annotations included."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(shutil.which('ruff') is None, reason='needs ruff')
def test_ruff():
    """`ruff check` has nothing to say."""
    done = subprocess.run(
        [sys.executable, '-m', 'ruff', 'check', '--quiet', '--output-format',
         'concise', 'mmjtln', 'tools', 'tests', 'configs', 'setup.py'],
        cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
