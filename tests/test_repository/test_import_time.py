"""Importing the plugin waits for nothing that few runs need."""
import subprocess
import sys

import pytest

SCRIPT = '''
import sys
import mmpretrain.models
before = set(sys.modules)
import mmjtln
print(*{name.split('.')[0] for name in set(sys.modules) - before})
'''


@pytest.mark.parametrize('slow', ['ot', 'sklearn', 'matplotlib', 'pandas',
                                  'networkx', 'timm'])
def test_nothing_slow_is_imported(slow, imported):
    """It is imported by what needs it, when it is needed."""
    assert 'mmjtln' in imported
    assert slow not in imported


@pytest.fixture(scope='module')
def imported():
    """Names of the packages that mmjtln adds to MMPretrain's."""
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SCRIPT], check=True,
        capture_output=True, text=True).stdout.split()
