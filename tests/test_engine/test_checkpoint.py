"""Checkpoints load under torch's weights_only check, and only they."""
import os

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader


def test_history_survives(tmp_path):
    """What MMEngine's log holds comes back as it was."""
    history = HistoryBuffer([1., 2., 4.], [1, 1, 1])
    torch.save(
        dict(history=history, number=np.float64(3), array=np.arange(3)),
        tmp_path / 'a.pth')
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'))
    assert loaded['history'].mean() == history.mean()
    assert loaded['history'].statistics('max') == 4
    assert loaded['number'] == 3
    np.testing.assert_array_equal(loaded['array'], np.arange(3))


class _Runs:
    """Pickles to a call of `function`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split('.')[:2])) < (2, 6),
    reason='torch < 2.6 does not check by default')
@pytest.mark.parametrize('function, args', [
    (os.mkdir, ('pwned', )),
    (getattr, (HistoryBuffer, '__globals__')),
    (getattr, (HistoryBuffer, 'register_statistics')),
])
def test_code_in_a_checkpoint_is_refused(tmp_path, monkeypatch, function,
                                         args):
    """A checkpoint cannot call a function, nor reach for one."""
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict=_Runs(function, *args)), 'evil.pth')
    with pytest.raises(Exception, match='[Ww]eights.only|may not ask'):
        CheckpointLoader.load_checkpoint('evil.pth')
    assert not os.path.exists('pwned')
