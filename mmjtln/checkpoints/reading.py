"""Reading checkpoints without running anything that is in them.

From version 2.6 on, ``torch.load`` refuses what it is not told of; under older
versions :mod:`.pickles` does.
"""
import os.path as osp
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, get_local_rank
from mmengine.runner import checkpoint as host
from mmengine.runner.checkpoint import CheckpointLoader

from mmjtln.checkpoints import pickles
from mmjtln.errors import refusal, require
from mmjtln.files.user_files import reading

_CHECKS = tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 6)


def load_safely(path: str | Path, map_location: Any = None,
                checks: bool = _CHECKS) -> dict:
    """Read a checkpoint, by torch's own check or else by :mod:`.pickles`.

    The error (ValueError) for a file that is damaged, holds no weights or
    names what no checkpoint needs names the file.
    """
    with reading(path, 'checkpoint', 'Fetch it again, or have it saved again '
                 'by `torch.save(model.state_dict(), ...)`.'):
        _refuse_torchscript(path)
        if checks:
            with torch.serialization.safe_globals(
                    [(found, name)
                     for name, found in pickles.admitted().items()]):
                loaded = torch.load(path, map_location, weights_only=True)
        else:
            # Without a pickle of its own, weights_only is the other way round.
            loaded = torch.load(path, map_location, weights_only=False,
                                pickle_module=pickles)
        loaded = _weights_alone(loaded)
        _check_content(loaded)
    # MMEngine's resume runs this text as a Python config, to compare a number
    # of GPUs that only MMCV 1 wrote.
    if isinstance(loaded.get('meta'), dict):
        loaded['meta'].pop('config', None)
    return loaded


def _weights_alone(loaded: Any) -> Any:
    """Take out what other programs save under a name, such as `model`."""
    if not isinstance(loaded, Mapping) or 'state_dict' in loaded:
        return loaded
    nested = [key for key, part in loaded.items() if isinstance(part, Mapping)
              and any(isinstance(value, torch.Tensor)
                      for value in part.values())]
    if len(nested) > 1:
        raise ValueError(f'it has weights under each of {nested}, where one '
                         'of them must be alone or under `state_dict`')
    return dict(state_dict=loaded[nested[0]]) if nested else loaded


def _check_content(loaded: Any) -> None:
    """Refuse what whoever loads it would stumble over."""
    weights = (loaded.get('state_dict', loaded)
               if isinstance(loaded, Mapping) else loaded)
    if not isinstance(weights, Mapping) or not all(
            isinstance(key, str) for key in weights):
        raise ValueError('it must hold weights by their names, alone or under '
                         f'`state_dict`, but holds a {type(weights).__name__}')
    # What MMEngine and we look into; of a bare state dict, it is absent.
    meta = loaded.get('meta') or {}
    parts = dict(meta=meta, message_hub=loaded.get('message_hub') or {})
    if isinstance(meta, Mapping):
        parts['meta.dataset_meta'] = meta.get('dataset_meta') or {}
    for name, part in parts.items():
        if not isinstance(part, Mapping):
            raise ValueError(f'its `{name}` must be a dict, but is a '
                             f'{type(part).__name__}')


def _refuse_torchscript(path: str | Path) -> None:
    """Refuse what ``torch.load`` would hand to ``torch.jit.load``."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = {osp.basename(name) for name in archive.namelist()}
        if 'constants.pkl' in names:
            raise ValueError('it is a TorchScript archive, which holds code')


def _distrust_paths(checkpoint: dict, filename: str) -> dict:
    """Let the file names in a checkpoint mean files beside it."""
    # A resumed run removes the best checkpoint that the file names once there
    # is a better one, and those of the epochs it names: a file from elsewhere
    # must not choose what is removed.
    info = (checkpoint.get('message_hub') or {}).get('runtime_info') or {}
    for key in [key for key in info if key.startswith('best_ckpt')]:
        name = osp.basename(str(info.pop(key)))
        if name.startswith('best_'):
            info[key] = osp.join(osp.dirname(filename), name)
    if 'keep_ckpt_ids' in info:
        info['keep_ckpt_ids'] = [
            step for step in info['keep_ckpt_ids'] if type(step) is int]
    return checkpoint


def find_checkpoint(path: str | Path) -> str:
    """Return a checkpoint's path; of a work directory, its best or last."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return str(folder)
    best = sorted(map(str, folder.glob('best_*.pth'))) or [
        *map(str, folder.glob('model.pth'))]  # Of an export.
    require(len(best) < 2, 'A work directory stands for its best checkpoint',
            f'but there are {best}', 'Give the one that you mean')
    last = folder / 'last_checkpoint'
    require(best or last.is_file(), 'A work directory holds checkpoints',
            f'but {path} has none', 'Give that of a run, or a checkpoint',
            FileNotFoundError)
    if best:
        return best[0]
    named = Path(last.read_text().strip())
    # The directory may have been moved.
    beside = folder / named.name
    return str(beside if beside.is_file() else named)


def _load_from_local(filename: str, map_location: Any = None) -> dict:
    path = Path(find_checkpoint(filename))
    require(path.is_file(), 'A checkpoint must be a file', f'but there is no '
            f'{path}', 'Correct the path', FileNotFoundError)
    return _distrust_paths(load_safely(path, map_location), str(path))


def _load_from_http(url: str, map_location: Any = None) -> dict:
    # One process a machine downloads, into torch's own cache.
    path = Path(torch.hub.get_dir(), 'checkpoints', Path(url).name)
    if get_local_rank() == 0 and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path))
        except OSError as error:  # What urllib raises.
            raise refusal('A checkpoint is downloaded once, which needs the '
                          'network', f'but {url} cannot be fetched ({error})',
                          'Give a local file: `load_from` of the config, the '
                          'weights of adapt.py, or PRETRAINED=FILE before the '
                          'command of a recipe', ConnectionError) from None
    barrier()
    return load_safely(path, map_location)


def _load_named(filename: str, map_location: Any = None) -> dict:
    """Load a model by its name in one of MMEngine's lists."""
    scheme, _, name = filename.partition('://')
    if scheme == 'mmcls':
        return host._process_mmcls_checkpoint(
            _load_from_http(host.get_mmcls_models()[name], map_location))
    if scheme in ('modelzoo', 'torchvision'):
        url = host.get_torchvision_models()[name]
    else:
        url = host.get_external_models()[
            host.get_deprecated_model_names().get(name, name)]
    if url.startswith(('http://', 'https://')):
        return _load_from_http(url, map_location)
    return _load_from_local(
        osp.join(host._get_mmengine_home(), url), map_location)


def _refuse(filename: str, map_location: Any = None) -> dict:
    raise refusal('A checkpoint is read without running what is in it',
                  f'but {filename} cannot be', 'Download it, give its path')


def register_checkpoint_loaders() -> None:
    """Put loaders that run nothing in the place of all of MMEngine's."""
    # OpenMMLab's refuse MMEngine's own checkpoints under torch >= 2.6, and
    # read named models without any check, as OneDL's read all.
    for prefixes, loader in (
        ('', _load_from_local),
        (('http://', 'https://'), _load_from_http),
        (('modelzoo://', 'torchvision://', 'open-mmlab://', 'openmmlab://',
          'mmcls://'), _load_named),
        ((r'(\S+\:)?s3://', r'(\S+\:)?petrel://', 'pavi://'), _refuse),
    ):
        CheckpointLoader.register_scheme(prefixes, loader, force=True)
