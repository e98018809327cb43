"""From a trained JTLN to a classifier that MMPretrain alone can use."""
import io
import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from mmjtln.checkpoints.weights import load_file
from mmjtln.datasets.class_lists import checkpoint_meta, domain_classes
from mmjtln.domains import DOMAINS
from mmjtln.errors import check_choice, require
from mmjtln.files.atomic_file import write_together
from mmjtln.models import AlexNetNeck
from mmjtln.resume.run_record import tell_other_pipeline
from mmjtln.run_config import (
    fill_class_counts,
    is_jtln,
    keep_braces,
    read_config,
)

from .onnx_export import check_packages, onnx_card, onnx_file, onnx_pixels
from .stock_data import eval_pipeline, picture_pipeline, stock_test_data
from .stock_model import refuse_foreign, stock_model

#: Largest difference of a score that is put down to rounding.
TOLERANCE = 1e-6
_METHOD = 'Joint Transfer Learning Network, arXiv:1709.02995'
#: What an older export has left.
_OUTDATED = {'model.onnx': None, 'model.json': None, 'report.html': None,
             'predictions.csv': 'predictions_before.csv'}
_HEADER = ('# A {domain} classifier that mmjtln has made, in '
           'MMPretrain\'s own\n# types. Test data under `data_root` is to '
           'be filled in\n# where it says data/{domain}.\n')


def export_classifier(config: str | Path | Config, checkpoint: str | Path,
                      out_dir: str | Path, domain: str = 'target',
                      onnx: bool = False) -> dict[str, Path]:
    """Write one domain's classifier as a stock config and checkpoint.

    The written model is built anew from MMPretrain's types and compared with
    the trained one. All files are there together or none is.

    Args:
        config (str | Path | Config): Config of the JTLN run.
        checkpoint (str | Path): A checkpoint of that run, or its work
            directory: the best one, else the last.
        out_dir (str | Path): Folder to write to; made if it is missing.
        domain (str): ``'target'`` or ``'source'``. Defaults to ``'target'``.
        onnx (bool): Whether to write ``model.onnx``, which takes pixels
            (uint8, RGB) of the test's size, and ``model.json``, which says
            so. Defaults to False.

    Returns:
        dict[str, Path]: The files, under ``config``, ``checkpoint`` and,
        where asked for, ``onnx`` and ``onnx_card``.

    Raises:
        ValueError: If config or checkpoint is not of a JTLN, or they do not
            fit; for ONNX, if images have varying sizes or changed values.
        TypeError: If a part of model or pipeline has no stock equal.
        RuntimeError: If the exported model gives other scores.
        ImportError: If a package for ONNX is missing.
    """
    check_choice(domain, 'domain', 'an export', DOMAINS)
    cfg = fill_class_counts(read_config(config), checkpoint)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = _load_joint(cfg, checkpoint)
    meta = dict(dataset_meta=model._dataset_meta)
    return export_model(cfg, model, meta, out_dir, domain, onnx)


def _load_joint(cfg: Config, checkpoint: str | Path) -> nn.Module:
    """Build the model of a JTLN run, and load its checkpoint."""
    require(is_jtln(cfg), 'An export starts from a JTLNClassifier', 'but '
            f'`model.type` of the config is {cfg.model.get("type")!r}',
            'A stock model needs no export')
    model = MODELS.build(_model_cfg(cfg))
    tell_other_pipeline(cfg, load_file(model, checkpoint))
    for domain, count in model.class_counts.items():
        names = domain_classes(model._dataset_meta, domain)
        require(names is None or len(names) == count,
                'A checkpoint must name as many classes as it has outputs',
                f'but {checkpoint} names {len(names or ())} {domain} classes, '
                f'and its {domain} head has {count} outputs',
                'Set its `meta.dataset_meta` to the names of all')
    return model.eval()


def export_model(cfg: Config, model: nn.Module, meta: Mapping,
                 out_dir: str | Path, domain: str,
                 onnx: bool) -> dict[str, Path]:
    """As :func:`export_classifier`, of a model that is loaded."""
    require(not Path(out_dir).is_file(), 'An export is written to a folder',
            f'but {out_dir} is a file', 'Name another', NotADirectoryError)
    if onnx:
        check_packages()
    classes = list(domain_classes(checkpoint_meta(dict(meta=meta)), domain)
                   or ())
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        pipeline = eval_pipeline(cfg, domain)
        refuse_foreign(pipeline, 'pipeline')
        inputs = _example_inputs(pipeline)
        pixels: Any = onnx_pixels(inputs) if onnx else None
        images = _example_images(model, inputs)
        model_cfg, state = stock_model(_model_cfg(cfg), model, domain, images)
        # Building fills a config in, and this one is to be written.
        exported = MODELS.build(deepcopy(model_cfg))
        exported.load_state_dict(state)
        exported.eval()
        _compare(model, exported, domain, images)

    weights = io.BytesIO()
    dataset_meta = dict(classes=classes) if classes else {}
    torch.save(dict(state_dict=state, meta=dict(
        dataset_meta=dataset_meta, method=meta.get('method', _METHOD))),
        weights)
    text = _HEADER.format(domain=domain) + keep_braces(Config(dict(
        default_scope='mmpretrain', model=model_cfg,
        **stock_test_data(cfg, domain, classes))).pretty_text)
    contents = dict(config=('config.py', text.encode()),
                    checkpoint=('model.pth', weights.getvalue()))
    if onnx:
        card = onnx_card(pixels, pipeline, exported.data_preprocessor,
                         classes, domain)
        contents.update(
            onnx=('model.onnx', onnx_file(exported, pixels, card)),
            onnx_card=('model.json', json.dumps(card, indent=1).encode()))
    write_together(out_dir, dict(contents.values()), _OUTDATED)
    return {key: Path(out_dir, name) for key, (name, _) in contents.items()}


def _model_cfg(cfg: Config) -> dict:
    """Return the model's config with the data preprocessor in it."""
    model = cfg.model.to_dict()
    if model.get('data_preprocessor') is None and cfg.get('data_preprocessor'):
        model['data_preprocessor'] = cfg.data_preprocessor.to_dict()
    return model


def _example_inputs(pipeline: list[dict]) -> list[Tensor]:
    """Send noise of two shapes through a pipeline, shape (C, H, W) each."""
    rng = np.random.default_rng(0)
    read = picture_pipeline(pipeline)
    return [read(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))['inputs']
            for shape in ((300, 400), (400, 300))]


@torch.no_grad()
def _example_images(model: nn.Module, inputs: list[Tensor]) -> Tensor:
    """Send what a pipeline gives through the preprocessor, (2, C, H, W)."""
    one, other = (model.data_preprocessor(
        dict(inputs=image[None].repeat(2, 1, 1, 1)))['inputs']
        for image in inputs)
    require(one.shape == other.shape
            or not isinstance(model.neck, AlexNetNeck), 'AlexNetNeck is '
            'exported for images of one size', 'but the test pipeline gives '
            f'{tuple(one.shape[2:])} or {tuple(other.shape[2:])} pixels',
            'End it with a CenterCrop, or resize to a fixed size', TypeError)
    return one + 0.1 * torch.randn_like(one)


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
    require(error <= TOLERANCE, 'The exported model must give the scores of '
            'the trained one', f'but they differ by {error:.1e}', 'Nothing '
            'was written: report the config', RuntimeError)
