"""From a trained JTLN to a classifier that MMPretrain alone can use."""
import json
import os
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.datasets import remove_transform
from mmpretrain.registry import MODELS, TRANSFORMS
from torch import Tensor, nn

from mmjtln.datasets.class_lists import domain_classes
from mmjtln.domains import DOMAINS
from mmjtln.errors import check_choice
from mmjtln.models import AlexNetNeck
from mmjtln.run_config import (
    fill_class_counts,
    pipeline_in,
    with_registered_names,
)

from .model_card import model_card
from .onnx_card import onnx_card, onnx_pixels
from .stock_data import eval_dataset, stock_test_data
from .stock_model import refuse_foreign, stock_model

#: Largest difference of a score that is put down to rounding.
TOLERANCE = 1e-6
_HEADER = ('# A {domain} classifier that mmjtln has made, in '
           'MMPretrain\'s own\n# types. Test data under `data_root` is to '
           'be filled in\n# where it says data/{domain}.\n')


def export_classifier(config: str | Path | Config, checkpoint: str | Path,
                      out_dir: str | Path, domain: str = 'target',
                      onnx: bool = False) -> dict[str, Path]:
    """Write one domain's classifier as a stock config and checkpoint.

    The written model is built anew from MMPretrain's types and compared with
    the trained one before anything is written.

    Args:
        config (str | Path | Config): Config of the JTLN run.
        checkpoint (str | Path): A checkpoint of that run.
        out_dir (str | Path): Folder to write to; made if it is missing.
        domain (str): ``'target'`` or ``'source'``. Defaults to ``'target'``.
        onnx (bool): Whether to write ``model.onnx`` as well, which takes
            pixels (uint8, RGB) of the size that the test pipeline gives, and
            ``model.json``, what it takes and gives. Defaults to False.

    Returns:
        dict[str, Path]: The files, under ``config``, ``checkpoint`` and,
        where asked for, ``onnx`` and ``onnx_card``.

    Raises:
        ValueError: If the config or the checkpoint is not of a JTLN, they do
            not fit each other, or there is no test pipeline; for ONNX, if
            the pipeline leaves images at varying sizes or changes values.
        TypeError: If a part of model or pipeline has no stock equal.
        RuntimeError: If the exported model gives other scores.
        ImportError: If a package for ONNX is missing.
    """
    check_choice(domain, 'domain', 'an export', DOMAINS)
    if onnx:
        from .onnx_export import check_packages
        check_packages()
    cfg = fill_class_counts(
        with_registered_names(config if isinstance(config, Config) else
                              Config.fromfile(config)), checkpoint)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model, loaded = load_joint(cfg, checkpoint)
        pipeline = pipeline_in(eval_dataset(cfg, domain))
        refuse_foreign(pipeline, 'pipeline')
        inputs = _example_inputs(pipeline)
        pixels = onnx_pixels(inputs) if onnx else None
        images = _example_images(model, inputs)
        model_cfg, state = stock_model(
            _model_cfg(cfg), model, domain, images)
        # Building fills a config in, and this one is to be written.
        exported = MODELS.build(deepcopy(model_cfg))
        exported.load_state_dict(state)
        exported.eval()
        _compare(model, exported, domain, images)

    meta = loaded.get('meta', {}).get('dataset_meta') or {}
    classes = domain_classes(meta, domain)
    out = Config(
        dict(default_scope='mmpretrain', model=model_cfg,
             **stock_test_data(cfg, domain, classes or ())))
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    files = dict(
        config=out_dir / 'config.py', checkpoint=out_dir / 'model.pth')
    _write(files['config'], lambda path: Path(path).write_text(
        _HEADER.format(domain=domain) + out.pretty_text))
    _write(files['checkpoint'], lambda path: torch.save(
        dict(
            state_dict=state,
            meta=dict(
                dataset_meta=dict(classes=list(classes)) if classes else {},
                model_card=model_card(cfg, loaded, checkpoint, domain))),
        path))
    if onnx:
        from .onnx_export import export_onnx
        about = onnx_card(pixels, pipeline, exported.data_preprocessor,
                          classes or (), domain)
        files['onnx'] = out_dir / 'model.onnx'
        files['onnx_card'] = out_dir / 'model.json'
        _write(files['onnx'],
               lambda path: export_onnx(exported, pixels, path, about))
        _write(files['onnx_card'], lambda path: Path(path).write_text(
            json.dumps(about, indent=1) + '\n'))
    return files


def load_joint(cfg: Config, checkpoint: str | Path) -> tuple[nn.Module, dict]:
    """Build the model of a JTLN run and load its checkpoint, every key.

    Raises:
        ValueError: If either is not of a JTLN, or they do not fit.
    """
    kind = cfg.model.get('type')
    if 'JTLNClassifier' not in str(kind):
        raise ValueError(
            'Only a JTLN is exported, but `model.type` of the config is '
            f'{kind!r}; a stock model needs no export.')
    model = MODELS.build(_model_cfg(cfg))
    loaded = CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu')
    state = {key: value
             for key, value in loaded.get('state_dict', loaded).items()
             if not key.startswith('ot_loss.')}
    own = {key: value for key, value in model.state_dict().items()
           if not key.startswith('ot_loss.')}
    wrong = sorted(own.keys() ^ state.keys()) or [
        key for key in own if own[key].shape != state[key].shape]
    if wrong:
        raise ValueError(
            f'The checkpoint {checkpoint} is not one of this config: '
            f'{len(wrong)} of its weights are missing, unknown or of another '
            f'shape, {wrong[:3]}. Give the config it was trained with.')
    meta = loaded.get('meta', {}).get('dataset_meta') or {}
    for domain, count in model.class_counts.items():
        names = domain_classes(meta, domain)
        if names is not None and len(names) != count:
            raise ValueError(
                f'The checkpoint {checkpoint} names {len(names)} {domain} '
                f'classes, but its {domain} head has {count} outputs. Set '
                '`meta.dataset_meta` of the checkpoint to the names of all.')
    model.load_state_dict(state, strict=False)
    return model.eval(), loaded


def _model_cfg(cfg: Config) -> dict:
    """Return the model's config with the data preprocessor in it."""
    model = cfg.model.to_dict()
    if model.get('data_preprocessor') is None and cfg.get('data_preprocessor'):
        model['data_preprocessor'] = cfg.data_preprocessor.to_dict()
    return model


def _example_inputs(pipeline: list[dict]) -> list[Tensor]:
    """Send noise of two shapes through a pipeline, shape (C, H, W) each."""
    transforms = remove_transform(pipeline, 'LoadImageFromFile')
    compose = Compose([TRANSFORMS.build(t) for t in transforms])
    rng = np.random.default_rng(0)
    inputs = []
    for shape in ((300, 400), (400, 300)):
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        inputs.append(compose(dict(
            img=image, img_shape=shape, ori_shape=shape,
            img_path='noise.png'))['inputs'])
    return inputs


@torch.no_grad()
def _example_images(model: nn.Module, inputs: list[Tensor]) -> Tensor:
    """Send what a pipeline gives through the preprocessor, (2, C, H, W).

    Raises:
        TypeError: If the size depends on the image, and the model needs one.
    """
    batches = [model.data_preprocessor(
        dict(inputs=one[None].repeat(2, 1, 1, 1)))['inputs'] for one in inputs]
    if (batches[0].shape != batches[1].shape
            and isinstance(model.neck, AlexNetNeck)):
        raise TypeError(
            'AlexNetNeck pools feature maps of any size, which stock parts '
            'do for one size only, but the test pipeline gives '
            f'{tuple(batches[0].shape[2:])} or {tuple(batches[1].shape[2:])} '
            'pixels. End it with a CenterCrop, or resize to a fixed size.')
    return batches[0] + 0.1 * torch.randn_like(batches[0])


@torch.no_grad()
def _compare(model: nn.Module, exported: nn.Module, domain: str,
             images: Tensor) -> None:
    """Refuse an export that predicts anything else."""
    head = model.source_head if domain == 'source' else model.head
    expected, found = (
        torch.stack([sample.pred_score for sample in samples])
        for samples in (head.predict(model.extract_feat(images)),
                        exported.predict(images)))
    error = (expected - found).abs().max().item()
    if not error <= TOLERANCE:
        raise RuntimeError(
            'The exported model must give the scores of the trained one, but '
            f'they differ by {error:.1e}; nothing was written.')


def _write(path: Path, write: Callable) -> None:
    """Write a file so that a reader sees the old or the new one."""
    umask = os.umask(0)
    os.umask(umask)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.stem}.', suffix=path.suffix)
    os.close(handle)
    try:
        write(temporary)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
