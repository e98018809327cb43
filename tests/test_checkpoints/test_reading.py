"""Checkpoints load whole, and nothing in them runs."""
import http.server
import io
import json
import os
import threading
from argparse import Namespace
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint
from torch import nn

from mmjtln.checkpoints.reading import _CHECKS, load_safely
from mmjtln.datasets import ClassList

CHECKS = tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 6)
#: Torch's own check where it is enough, and the one for versions before it.
BOTH = [pytest.param(True, marks=pytest.mark.skipif(
    not CHECKS, reason='torch < 2.6')), False]


class Runs:
    """Pickles to a call of `function`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('checks', BOTH)
@pytest.mark.parametrize('zipped', [True, False])
def test_what_mmengine_saves_survives(tmp_path, checks, zipped):
    """Log, arrays and tensors of each kind come back as they were."""
    history = HistoryBuffer([1., 2., 4.], [1, 1, 1])
    base = torch.randn(3, 4)
    saved = dict(
        history=history, number=np.float64(3), array=np.arange(3),
        state_dict=OrderedDict(
            base=base, view=base.T[1:], half=base.bfloat16(),
            parameter=torch.nn.Parameter(base), count=torch.tensor(7)),
        meta=dict(seed=0, time='now', classes=('a', 'b'), some={1, 2},
                  raw=b'\xff', size=base.shape, dtype=torch.float16))
    torch.save(saved, tmp_path / 'a.pth',
               _use_new_zipfile_serialization=zipped)
    loaded = load_safely(tmp_path / 'a.pth', 'cpu', checks)
    assert loaded['history'].mean() == history.mean()
    assert loaded['history'].statistics('max') == 4
    assert loaded['number'] == 3
    np.testing.assert_array_equal(loaded['array'], np.arange(3))
    for key, value in saved['state_dict'].items():
        assert torch.equal(loaded['state_dict'][key], value)
        assert loaded['state_dict'][key].dtype == value.dtype
    assert loaded['meta'] == saved['meta']


HOSTILE = [
    (os.mkdir, ('pwned', )),
    (eval, ("__import__('os').mkdir('pwned')", )),
    (getattr, (HistoryBuffer, '__globals__')),
    (getattr, (HistoryBuffer, 'register_statistics')),
    # Unpickles what it is given.
    (torch.storage._load_from_bytes, (b'', )),
]


@pytest.mark.parametrize('checks', BOTH)
@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('function, args', HOSTILE)
def test_code_in_a_checkpoint_is_refused(tmp_path, monkeypatch, checks, zipped,
                                         function, args):
    """A checkpoint cannot call a function, nor reach for one."""
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict=Runs(function, *args)), 'evil.pth',
               _use_new_zipfile_serialization=zipped)
    with pytest.raises(Exception, match='[Ww]eights.only|may not ask'):
        load_safely('evil.pth', checks=checks)
    assert not os.path.exists('pwned')


@pytest.mark.parametrize('checks', BOTH)
def test_a_program_is_refused(tmp_path, checks):
    """TorchScript is code, under a checkpoint's suffix."""
    torch.jit.script(torch.nn.ReLU()).save(str(tmp_path / 'a.pth'))
    with pytest.raises((ValueError, RuntimeError), match='TorchScript'):
        load_safely(tmp_path / 'a.pth', checks=checks)


@pytest.fixture
def url(tmp_path, monkeypatch):
    """Serve a hostile checkpoint, and return its address."""
    served = tmp_path / 'served'
    served.mkdir()
    torch.save(Runs(os.mkdir, str(tmp_path / 'pwned')), served / 'evil.pth')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))

    class Handler(http.server.SimpleHTTPRequestHandler):

        def __init__(self, *args):
            super().__init__(*args, directory=str(served))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/evil.pth'
    server.shutdown()


@pytest.mark.parametrize('scheme', [
    'http://', 'torchvision://', 'modelzoo://', 'openmmlab://',
    'open-mmlab://', 'mmcls://', 'pavi://', 's3://', 'petrel://', ''])
def test_every_scheme_refuses_code(tmp_path, monkeypatch, url, scheme):
    """Whatever way a checkpoint comes, through MMEngine's own function."""
    for names in ('get_torchvision_models', 'get_external_models',
                  'get_mmcls_models'):
        monkeypatch.setattr(f'mmengine.runner.checkpoint.{names}',
                            lambda: dict(model=url))
    name = {'http://': url, '': str(tmp_path / 'served/evil.pth')}.get(
        scheme, f'{scheme}model')
    with pytest.raises(Exception, match='[Ww]eights.only|running'):
        load_checkpoint(torch.nn.ReLU(), name)
    assert not (tmp_path / 'pwned').exists()


def test_without_the_network(tmp_path, monkeypatch, url):
    """A download that fails says what names a local file in its place."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'none'))
    for missing, cause in ((url.replace('evil', 'no'), 'HTTP Error 404'),
                           ('http://127.0.0.1:9/a.pth', 'refused')):
        with pytest.raises(ConnectionError, match=f'{missing} cannot be '
                           f'fetched .*{cause}.*PRETRAINED=FILE'):
            CheckpointLoader.load_checkpoint(missing)
    assert not list(tmp_path.glob('none/checkpoints/*'))


def test_no_scheme_is_the_hosts():
    """A scheme that MMEngine adds must be thought of here, too."""
    for loader in CheckpointLoader._schemes.values():
        assert loader.__module__ == 'mmjtln.checkpoints.reading'


def test_resuming_trusts_no_text_and_no_path(tiny_run, tmp_path):
    """MMEngine runs one text of a checkpoint and removes files it names."""
    tiny_run.train_cfg.max_epochs = 1
    Runner.from_cfg(tiny_run).train()
    work_dir = tmp_path / 'work_dir'
    saved = torch.load(work_dir / 'epoch_1.pth', weights_only=False)
    saved['meta']['config'] = f'import os\nos.mkdir({str(tmp_path / "x")!r})'
    mine = tmp_path / 'thesis.pth'
    mine.touch()
    info = saved['message_hub']['runtime_info']
    best = work_dir / os.path.basename(info['best_ckpt'])
    info.update(best_ckpt=str(mine), best_score=-1., keep_ckpt_ids=['../x'])
    torch.save(saved, work_dir / 'epoch_1.pth')

    tiny_run.train_cfg.max_epochs = 2
    tiny_run.default_hooks.checkpoint.max_keep_ckpts = 1
    tiny_run.resume = True
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    assert runner.epoch == 2
    assert mine.exists() and not (tmp_path / 'x').exists()

    # Of an honest one, moved with its folder, the best is still known.
    info['best_ckpt'] = str(tmp_path / 'elsewhere' / best.name)
    torch.save(saved, work_dir / 'epoch_1.pth')
    loaded = CheckpointLoader.load_checkpoint(str(work_dir / 'epoch_1.pth'))
    assert loaded['message_hub']['runtime_info']['best_ckpt'] == str(best)


def checkpoint(content: object, zipped: bool = True) -> bytes:
    """Return the bytes of a saved object."""
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


WEIGHTS = dict(state_dict=dict(a=torch.arange(300.)))


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('harm', [
    lambda content: b'', lambda content: content[:10],
    lambda content: content[:len(content) // 2],
    lambda content: content[:-20], lambda content: b'<html>not found</html>',
    lambda content: b'hello', lambda content: json.dumps([1]).encode()])
def test_damaged_checkpoint(tmp_path, zipped, harm):
    """Named, and without torch's advice to switch its check off."""
    path = tmp_path / 'a.pth'
    path.write_bytes(harm(checkpoint(WEIGHTS, zipped)))
    with pytest.raises(ValueError, match=f'^{path} is not a valid checkpoint: '
                       '.*torch.save') as error:
        CheckpointLoader.load_checkpoint(str(path))
    assert 'weights_only' not in str(error.value)


@pytest.mark.parametrize('content, words', [
    ([1, 2], 'holds a list'), (torch.ones(2), 'holds a Tensor'),
    ({0: torch.ones(2)}, 'holds a dict'),
    (dict(state_dict=[1]), 'holds a list'), (dict(state_dict=None), 'None'),
    (dict(WEIGHTS, meta=[1]), '`meta` must be a dict, but is a list'),
    (dict(WEIGHTS, meta=dict(dataset_meta='x')), '`meta.dataset_meta` must'),
    (dict(WEIGHTS, message_hub=3), '`message_hub` must be a dict')])
def test_checkpoint_of_something_else(tmp_path, content, words):
    """What it holds is said."""
    path = tmp_path / 'a.pth'
    path.write_bytes(checkpoint(content))
    with pytest.raises(ValueError, match=f'{path} is not .*{words}'):
        CheckpointLoader.load_checkpoint(str(path))


@pytest.mark.parametrize('content', [
    WEIGHTS, WEIGHTS['state_dict'], dict(WEIGHTS, meta=None)])
def test_checkpoint_that_is_one(tmp_path, content):
    """With weights alone, or more."""
    path = tmp_path / 'a.pth'
    path.write_bytes(checkpoint(content))
    loaded = CheckpointLoader.load_checkpoint(str(path))
    found = loaded.get('state_dict', loaded)
    assert torch.equal(found['a'], torch.arange(300.))


def test_a_work_directory_is_its_checkpoint(tmp_path):
    """The best one, else the last; a file is itself."""
    def load(path):
        return CheckpointLoader.load_checkpoint(str(path), logger='silent')

    with pytest.raises(FileNotFoundError, match='has none'):
        load(tmp_path)
    # As it is named where the directory was before it was moved.
    (tmp_path / 'last_checkpoint').write_text('elsewhere/epoch_2.pth')
    for name in ('epoch_2', 'best_a_epoch_1'):
        torch.save(dict(state_dict={name: torch.ones(1)}, meta=dict(
            dataset_meta=dict(classes=[name]))),
                   tmp_path / f'{name}.pth')
        assert list(load(tmp_path)['state_dict']) == [name]
        assert ClassList(str(tmp_path)).metainfo['classes'] == (name, )
        assert list(load(tmp_path / 'epoch_2.pth')['state_dict']) == [
            'epoch_2']
    torch.save({}, tmp_path / 'best_b_epoch_1.pth')
    with pytest.raises(ValueError, match='best_a.*best_b.*that you mean'):
        load(tmp_path)


@pytest.mark.parametrize('checks', [False, _CHECKS])
@pytest.mark.parametrize('others', [
    {}, dict(args=Namespace(lr=1, betas=[.9]), epoch=3)])
def test_weights_of_other_programs(tmp_path, others, checks):
    """They are under a name, beside the options of the program."""
    path, weights = tmp_path / 'old.pth', nn.Linear(1, 1).state_dict()
    torch.save(dict(others, model=weights), path)
    found = load_safely(path, checks=checks)
    assert list(found) == ['state_dict']
    assert torch.equal(found['state_dict']['bias'], weights['bias'])
    torch.save(dict(others, model=weights, ema=weights), path)
    with pytest.raises(ValueError, match="under each of .'model', 'ema'.*"
                       'saved again'):
        load_safely(path, checks=checks)
