"""What an option may be.

Numbers take no booleans, strings, NaN or infinity; words are one of a few.
"""
import signal
import subprocess
import sys

import pytest

from mmjtln.costs import (
    MKMMDCost,
    RandomCost,
    ShuffledCost,
)
from mmjtln.datasets import FewShotDataset, UnionDataset
from mmjtln.errors import check_choice, check_count, check_real
from mmjtln.heads.l2_sp import L2SP
from mmjtln.hooks import HeadInitHook
from mmjtln.models import OTLoss
from mmjtln.peers import LPFTHook, SourceWeightsHook
from tests.test_datasets.conftest import Toy

RANDOM = dict(type='mmjtln.RandomCost')
COUNTS = [
    (FewShotDataset, 'shots', dict(dataset=Toy(4))),
    (FewShotDataset, 'seed', dict(dataset=Toy(4), shots=1)),
    (RandomCost, 'seed', {}), (ShuffledCost, 'seed', dict(cost=RANDOM)),
    (MKMMDCost, 'samples_per_class', {}), (MKMMDCost, 'batch_size', {}),
    (MKMMDCost, 'num_workers', {}), (MKMMDCost, 'seed', {}),
    (OTLoss, 'max_iter', dict(cost=[[0.]])),
    (OTLoss, 'num_source_classes', dict(num_target_classes=2)),
]
REALS = [
    (LPFTHook, 'share', {}),
    (L2SP, 'strength', dict(starts={})),
    (HeadInitHook, 'l2_sp', dict(cost=dict(type='mmjtln.RandomCost'))),
    (SourceWeightsHook, 'reg', dict(cost=RANDOM)),
    (SourceWeightsHook, 'relax', dict(cost=RANDOM)),
    (OTLoss, 'reg', dict(cost=[[0.]])), (OTLoss, 'tol', dict(cost=[[0.]])),
    (OTLoss, 'relax', dict(cost=[[0.]])),
]


def cases(options: list, values: list) -> list:
    """Return each option with each value."""
    return [pytest.param(kind, name, given, value,
                         id=f'{kind.__name__}.{name}={value}')
            for kind, name, given in options for value in values]


@pytest.mark.parametrize('kind, name, given, value', [
    *cases(COUNTS, [True, '2', 1.5, float('nan'), -1]),
    *cases(REALS, [True, '0.5', float('nan'), -1., [1.]])])
def test_no_number(kind, name, given, value):
    """The option and what was given are named, when it is built."""
    with pytest.raises((TypeError, ValueError)) as error:
        kind(**given, **{name: value})
    assert name in str(error.value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize('draw', [[True, 1.], ['1', 1.], [float('nan'), 1]])
def test_draw(draw):
    """Of several sources."""
    with pytest.raises(ValueError, match='`draw` of UnionDataset must be'):
        UnionDataset([Toy(2), Toy(2)], draw=draw)


@pytest.mark.parametrize('value, options', [
    (0, {}), (0., {}), (1, dict(high=1, with_high=True)), (1e30, {}),
    (0.5, dict(high=1, with_low=False))])
def test_numbers(value, options):
    """Bounds are in or out as is said."""
    check_real(value, 'x', 'y', **options)


def test_choices():
    """The message has option, owner, choices and value, whatever it is."""
    check_choice('a', 'x', 'y', ('a', 'b'))
    for value in ('c', None, 1, ['a'], {}):
        with pytest.raises(ValueError) as error:
            check_choice(value, 'x', 'y', ('a', 'b'))
        assert str(error.value).startswith(
            f'`x` of y must be one of a, b, got {value!r}. ')


def test_bounds():
    """They are in the message, with the brackets of what is allowed."""
    with pytest.raises(ValueError, match=r'`x` of y must be a number in '
                       r'\(0, 1\], got 0\.'):
        check_real(0, 'x', 'y', high=1, with_low=False, with_high=True)
    with pytest.raises(ValueError, match=r'\[0, inf\), got inf'):
        check_real(float('inf'), 'x', 'y')
    with pytest.raises(ValueError, match='at least 2, got 1'):
        check_count(1, 'x', 'y', least=2)
    check_count(2, 'x', 'y', least=2)


@pytest.mark.skipif(sys.platform == 'win32', reason='has no such signals')
@pytest.mark.parametrize('error, status, words', [
    ('KeyboardInterrupt', -signal.SIGINT, ''), ('ValueError', 1, 'Traceback'),
    ("refusal('It is', 'got 1', 'Set it')", 1, '-c: It is, got 1. Set it.\n')])
def test_ctrl_c_and_refusals_end_without_a_traceback(error, status, words):
    """The process ends by the signal, as shells expect it to."""
    found = subprocess.run(
        [sys.executable, '-c', 'from mmjtln.errors import end_in_words, '
         f'refusal; end_in_words(); raise {error}'],
        stderr=subprocess.PIPE, text=True)
    assert found.returncode == status
    assert found.stderr.startswith(words) and bool(found.stderr) == bool(words)
