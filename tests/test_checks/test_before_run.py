"""The list of checks: what is asked, and what pages say of it."""
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmjtln.checks import before_run, data, images, start, warnings
from mmjtln.checks.before_run import list_of_checks
from mmjtln.hooks import ClassCheckHook

PAGE = Path(before_run.__file__).parents[1] / 'hooks/README.md'


def test_pages_list_the_checks():
    """The page and the hook's own help have the table's rules, in order."""
    assert list_of_checks() in PAGE.read_text(encoding='utf-8')
    assert list_of_checks() in ClassCheckHook.__doc__


@pytest.mark.parametrize('module', [data, images, start, warnings])
def test_every_check_is_asked(module):
    """What takes a run or a config, and gives nothing back, is in the list."""
    listed = [check for checks in before_run._TABLE.values()
              for check in checks]
    assert len(listed) == len(set(listed))
    for name, check in vars(module).items():
        own = getattr(check, '__module__', '') == module.__name__
        if own and not name.startswith('_') and check not in listed:
            assert check.__annotations__['return'] not in (
                None, Iterator[str]), name
