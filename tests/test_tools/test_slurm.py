"""The Slurm scripts hand the right command to srun."""
import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'
# Slurm itself is not here: this prints what it is given, a line each.
SRUN = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


@pytest.mark.parametrize('tool, expected', [
    ('train', ['my config.py', '--work-dir', 'w', '--launcher', 'slurm',
               '--amp', '--cfg-options', 'a=1 b']),
    ('test', ['my config.py', 'w', '--launcher', 'slurm', '--amp',
              '--cfg-options', 'a=1 b']),
])
def test_command(tmp_path, tool, expected):
    """Numbers of tasks and GPUs, and the flags as they were given."""
    (tmp_path / 'srun').write_text(SRUN)
    (tmp_path / 'srun').chmod(0o755)
    given = subprocess.run(
        [TOOLS / f'dist/slurm_{tool}.sh', 'gpu', 'job', 'my config.py', 'w',
         '--amp', '--cfg-options', 'a=1 b'],
        env={**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}',
             'GPUS': '4', 'SRUN_ARGS': '--qos=low --exclusive'},
        stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    options, command = given[:given.index('python')], given[
        given.index('python'):]
    assert command[:2] == ['python', '-u']
    assert Path(command[2]).resolve() == TOOLS / f'{tool}.py'
    assert command[3:] == expected
    assert options == [
        '--partition=gpu', '--job-name=job', '--ntasks=4',
        '--ntasks-per-node=4', '--gres=gpu:4', '--cpus-per-task=5',
        '--kill-on-bad-exit=1', '--qos=low', '--exclusive'
    ]
