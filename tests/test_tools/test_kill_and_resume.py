"""Real processes, killed at random moments and within a write."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'tools/long_checks/kill_and_resume.py'


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_two_kills():
    """Nothing is unreadable, no bit of state or log differs.

    The run kills itself, so each kill comes in time on a busy machine, too.
    """
    result = subprocess.run(
        [sys.executable, TOOL, '--variants', 'by epoch', '--kills', '2'],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout[-3000:]
    row = result.stdout.splitlines()[-1].strip('| ').split(' | ')
    name, in_write, unreadable, state, logged = row
    assert name == 'by epoch'
    # The second is within a write; the first, by time, may be by chance.
    assert in_write in ('1 of 2', '2 of 2')
    assert unreadable == '0'
    assert state.startswith('0 of ') and int(state.split()[-1]) > 300
    assert logged.startswith('0 of ') and int(logged.split()[-1]) > 90
