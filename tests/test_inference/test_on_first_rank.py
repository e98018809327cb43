"""What rank 0 computes for all, and its errors."""
from pathlib import Path

import pytest

from mmjtln.inference.features import on_first_rank
from tests.ranks import run_ranks


def worker(rank, folder):
    """Write what this rank got, and which error."""
    calls = []
    found = on_first_rank(lambda: calls.append(1) or dict(rank=rank))
    try:
        on_first_rank(lambda: 1 / 0)
    except Exception as error:
        Path(folder, f'{rank}.txt').write_text(f'{found} {calls} {error!r}')


def test_two_ranks(tmp_path):
    """One calls, both have the result; one fails, both raise."""
    run_ranks(worker, 2, tmp_path, str(tmp_path))
    texts = [(tmp_path / f'{rank}.txt').read_text() for rank in range(2)]
    assert texts[0].startswith("{'rank': 0} [1] ZeroDivisionError")
    assert texts[1].startswith("{'rank': 0} [] RuntimeError")
    assert 'rank 0 failed: ZeroDivisionError' in texts[1]


def test_alone():
    """Without a process group it is a plain call."""
    assert on_first_rank(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        on_first_rank(lambda: 1 / 0)
