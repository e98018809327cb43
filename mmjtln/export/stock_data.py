"""The evaluation data of one domain, as a stock config."""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmpretrain.registry import TRANSFORMS
from PIL import Image, ImageOps

from mmjtln.domains import TARGET
from mmjtln.errors import require
from mmjtln.run_config import pipeline_in

from .stock_model import refuse_foreign

Picture = str | Path | np.ndarray | Image.Image


def eval_pipeline(cfg: Config, domain: str) -> list[dict]:
    """Return how the images of a domain are read for a test, a copy."""
    dataset = eval_dataset(cfg, domain) or eval_dataset(cfg, TARGET)
    require(dataset, 'An exported classifier needs a test pipeline', 'but '
            'neither `test_dataloader` nor `val_dataloader` has target data',
            'Set one of them')
    steps = pipeline_in(dataset)
    load = 'LoadImageFromFile'
    return steps if str(steps[0]['type']).rpartition('.')[2] == load else [
        dict(type=load), *steps]


def picture_pipeline(steps: Sequence[dict]) -> Compose:
    """Build an :func:`eval_pipeline` for pictures in place of records."""
    load = TRANSFORMS.build(steps[0])

    def read(picture: Any) -> dict:
        if isinstance(picture, str):
            return load(dict(img_path=picture))
        if load.color_type.startswith('grayscale'):
            picture = mmcv.bgr2gray(picture)
        size = picture.shape[:2]
        return dict(img=picture, img_shape=size, ori_shape=size)

    return Compose([read, *map(TRANSFORMS.build, steps[1:])])


def as_pixels(picture: Picture) -> str | np.ndarray:
    """Return a file's path, or an open picture's pixels, uint8 (H, W, BGR)."""
    if isinstance(picture, str | Path):
        return str(picture)
    pixels: Any = picture
    if isinstance(picture, Image.Image):
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith('I'):
            # OpenCV takes the upper eight of sixteen bits, Pillow clips.
            pixels = np.asarray(picture).astype(np.int64)
            if 0 <= pixels.min() and 255 < pixels.max() < 2**16:
                pixels = (pixels >> 8).astype(np.uint8)
        elif picture.mode == 'F':
            pixels = np.asarray(picture)
        else:
            pixels = np.asarray(picture.convert('RGB'))[..., ::-1]
    shape = np.shape(pixels)
    require(getattr(pixels, 'dtype', None) == np.uint8 and np.size(pixels)
            and (len(shape) == 2 or len(shape) == 3 and shape[2] in (1, 3)),
            'A picture is a file, a PIL image or an array of BGR pixels, '
            'uint8, (H, W, 3)', f'got {type(picture).__name__} of '
            f'{getattr(pixels, "dtype", "no pixels")}, shape {shape}',
            'Bring its values to 0 to 255 and set `.astype(np.uint8)`, or '
            'give the file')
    return np.ascontiguousarray(np.broadcast_to(
        pixels.reshape(*shape[:2], -1), (*shape[:2], 3)))


def eval_dataset(cfg: Config, domain: str) -> Any:
    """Find a domain's test data, or else its validation data."""
    for split in ('test', 'val'):
        dataset = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
        if dataset and dataset['type'] == 'mmjtln.JointDataset':
            dataset = dataset[domain]
            if isinstance(dataset, list) or (
                    dataset['type'] != 'mmjtln.ClassList'):
                return dataset
        elif dataset and domain == TARGET:
            return dataset
    return None


def stock_test_data(cfg: Config, domain: str, classes: Sequence[str]) -> dict:
    """Return loader, evaluator and loop of a test, over folders if need be."""
    dataset = eval_dataset(cfg, domain)
    try:
        refuse_foreign(dataset, 'dataset')
    except TypeError:
        dataset = None
    if not isinstance(dataset, dict):
        dataset = dict(type='CustomDataset', data_root=f'data/{domain}',
                       metainfo=dict(classes=list(classes)),
                       pipeline=eval_pipeline(cfg, domain))
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader')
    workers = loader.get('num_workers', 0)
    return dict(
        test_dataloader=dict(
            batch_size=loader.get('batch_size', 1), num_workers=workers,
            # MMPretrain's tools switch them on, PyTorch refuses without.
            persistent_workers=workers > 0, dataset=dataset,
            sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(type='Accuracy', topk=(1, )),
        test_cfg=dict())
