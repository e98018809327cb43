import json
import os
import pickle
import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmjtln.costs import CostMatrix

NAMES = st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=6,
                 unique=True)


def make(**kwargs):
    fields = dict(
        matrix=[[0, .5, 1], [1, 0, .25]],
        source_classes=['a', 'b'],
        target_classes=['x', 'y', 'z'],
        method='FileCost',
        settings=dict(seed=1, deep=dict(list=[1, None])),
        source_hash='ab12',
        versions=dict(numpy='2'))
    return CostMatrix(**{**fields, **kwargs})


@pytest.mark.parametrize('change, words', [
    (dict(matrix=[1, 2, 3]), 'two-dimensional'),
    (dict(matrix=np.zeros((3, 2))), r'expected shape \(2, 3\), got \(3, 2\)'),
    (dict(matrix=[[0, 1, np.nan], [0, 1, 2]]), "finite.*'a'.*'z'"),
    (dict(matrix=[[0, 1, 2], [0, np.inf, 2]]), "finite.*'b'.*'y'"),
    (dict(matrix=[[0, 1, 2], [0, -1, 2]]), 'non-negative.*-1'),
    (dict(matrix=[['p', 1, 2], [0, 1, 2]]), 'numbers only'),
    (dict(source_classes=['a', 'a']), "more than once: 'a'"),
    (dict(source_classes=['a', 3]), 'strings'),
    (dict(source_classes='ab'), 'a single string'),
    (dict(target_classes=[], matrix=np.zeros((2, 0))), 'empty'),
    (dict(settings=dict(x=object())), 'JSON'),
])
def test_invalid_matrices_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        make(**change)


def test_matrix_is_a_copy():
    matrix = np.zeros((2, 3))
    cost = make(matrix=matrix)
    matrix[0, 0] = 5
    assert cost.matrix[0, 0] == 0
    assert cost.matrix.dtype == np.float64


@given(NAMES, NAMES, st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_saving_and_loading_keep_everything(tmp_path_factory, source, target,
                                            seed):
    path = tmp_path_factory.mktemp('costs') / 'deep' / 'cost.npz'
    # NumPy's text arrays drop trailing NULs; no class name ends in one.
    source = [name.rstrip('\0') + '.' for name in source]
    target = [name.rstrip('\0') + '.' for name in target]
    rng = np.random.default_rng(seed)
    cost = make(
        matrix=rng.random((len(source), len(target))),
        source_classes=source,
        target_classes=target)
    cost.save(path)
    again = CostMatrix.load(path)
    assert np.array_equal(again.matrix, cost.matrix)
    for name in ('source_classes', 'target_classes', 'method', 'settings',
                 'source_hash', 'versions'):
        assert getattr(again, name) == getattr(cost, name)
    assert os.listdir(path.parent) == ['cost.npz']


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'cost.npz'
    make().save(path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError('disk full')

    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match='disk full'):
        make(method='other').save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['cost.npz']


def test_a_saved_file_has_ordinary_permissions(tmp_path):
    umask = os.umask(0o022)
    try:
        make().save(tmp_path / 'cost.npz')
    finally:
        os.umask(umask)
    mode = stat.S_IMODE((tmp_path / 'cost.npz').stat().st_mode)
    assert mode == 0o644


class Evil:

    def __reduce__(self):
        return os.mkdir, ('evil', )


def damaged(kind, path):
    cost = make()
    cost.save(path)
    content = dict(np.load(path))
    if kind == 'truncated':
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == 'text':
        path.write_text('hello')
    elif kind == 'empty':
        path.write_bytes(b'')
    elif kind == 'npy':
        with open(path, 'wb') as file:
            np.save(file, cost.matrix)
    elif kind == 'pickle':
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == 'object array':
        content['source_classes'] = np.array([Evil(), 'b'], dtype=object)
        np.savez(path, **content)
    elif kind == 'missing key':
        del content['meta']
        np.savez(path, **content)
    elif kind == 'bad meta':
        content['meta'] = np.array(json.dumps(['x']))
        np.savez(path, **content)
    elif kind == 'wrong shape':
        content['matrix'] = np.zeros((5, 5))
        np.savez(path, **content)
    elif kind == 'negative':
        content['matrix'] = -np.ones((2, 3))
        np.savez(path, **content)
    elif kind == 'flipped bytes':
        data = bytearray(path.read_bytes())
        for i in range(60, 90):
            data[i] ^= 255
        path.write_bytes(data)


@pytest.mark.parametrize('kind', [
    'truncated', 'text', 'empty', 'npy', 'pickle', 'object array',
    'missing key', 'bad meta', 'wrong shape', 'negative', 'flipped bytes'
])
def test_damaged_files_are_refused_by_name(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'cost.npz'
    damaged(kind, path)
    with pytest.raises(ValueError, match='cost.npz is not a valid cost'):
        CostMatrix.load(path)
    assert not (tmp_path / 'evil').exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no cost matrix at .*x.npz'):
        CostMatrix.load(tmp_path / 'x.npz')


def test_align_returns_itself_when_nothing_moves():
    cost = make()
    assert cost.align(['a', 'b'], ('x', 'y', 'z')) is cost


@given(st.permutations('abcd'), st.permutations('xyz'))
@settings(max_examples=20, deadline=None)
def test_align_moves_costs_with_their_names(rows, columns):
    cost = CostMatrix(np.arange(12).reshape(4, 3), list('abcd'), list('xyz'))
    moved = cost.align(rows, columns)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            assert moved.matrix[i, j] == cost.matrix['abcd'.index(row),
                                                     'xyz'.index(column)]


def test_align_names_the_classes_that_differ():
    with pytest.raises(ValueError) as error:
        make().align(['a', 'c'], ['x', 'y'])
    message = str(error.value)
    assert "of its source classes, it lacks ['c'] and adds ['b']" in message
    assert "of its target classes, it lacks [] and adds ['z']" in message
