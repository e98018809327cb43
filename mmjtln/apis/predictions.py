"""Predictions of pictures: as a table, and by an ONNX file alone."""
import csv
import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmpretrain.registry import TRANSFORMS
from mmpretrain.utils import progress as host_progress

from mmjtln.checks.folders import transparent
from mmjtln.errors import check_count, refusal, require
from mmjtln.export.stock_data import picture_pipeline
from mmjtln.files.atomic_file import atomic_write, check_out
from mmjtln.files.user_files import image_files
from mmjtln.inference.features import progress
from mmjtln.models import JTLNClassifier

from .inferencer import (
    Inputs,
    JTLNInferencer,
    PictureInferencer,
    list_pictures,
    load_model,
)


def write_predictions(config: str | Path, checkpoint: str | Path,
                      paths: Sequence[str | Path], out: str | Path,
                      top_k: int = 1, source: bool = False,
                      batch_size: int = 32,
                      device: str | None = None) -> dict[str, str]:
    """Predict image files and write a row for each: path, class, score.

    With ``top_k``, ``class_2``, ``score_2`` and so on follow; a class without
    a name is its index. An image that cannot be read has a row without.

    Args:
        config (str | Path): Config of a JTLN run, or of a stock classifier.
        checkpoint (str | Path): Its checkpoint, or the work directory: its
            best checkpoint, else the last.
        paths (Sequence[str | Path]): Image files, and folders of any depth.
        out (str | Path): CSV file to write.
        top_k (int): Classes a row. Defaults to 1.
        source (bool): Whether ``source_class``, ... follow. Default: False.
        batch_size (int): Images a forward pass. Defaults to 32.
        device (str, optional): Defaults to None, a GPU if there is one.

    Returns:
        dict[str, str]: What went wrong, by file; empty if nothing did.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If there is no image that can be predicted, or an option
            is out of range.
    """
    check_count(top_k, 'top_k', 'write_predictions')
    check_count(batch_size, 'batch_size', 'write_predictions')
    check_out(out)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise refusal('A model goes to a device that is there', f'got '
                      f'{device!r}: {str(error).splitlines()[0]}',
                      'Leave `device` out') from error
    weights = [str(path) for path in paths
               if Path(path).suffix.lower() in ('.pth', '.pt', '.ckpt')]
    require(not weights, 'Pictures are predicted with one checkpoint',
            f'but {weights} are among the pictures',
            'Give the work directory in place of its checkpoints')
    model = load_model(config, checkpoint)
    require(not source or isinstance(model, JTLNClassifier),
            'A source head is part of a JTLNClassifier', 'but the config is '
            f'of {type(model).__name__}', 'Leave `source` out')
    inferencer = (JTLNInferencer if isinstance(model, JTLNClassifier) else
                  PictureInferencer)(model, False, device)
    files = [file for path in paths for file in image_files(path, every=True)]
    batches = [files[i:i + batch_size]
               for i in range(0, len(files), batch_size)]
    host_progress.disable_progress_bar = True  # One for all batches instead.
    results: list[Any] = []
    failed: dict[str, str] = {}
    for problem in transparent(files):
        print_log(problem, logger='current', level=logging.WARNING)
    for batch in progress(batches, len(batches)):
        results += _predict(inferencer, batch, source, failed)
    require(len(failed) < len(files), 'At least one image must be readable',
            f'but none of {len(files)} is: {failed.get(files[0])}',
            'Give other files')

    heads = {'': inferencer.classes}
    if source:
        heads['source_'] = inferencer.source_classes
    ranks = ['', *(f'_{k}' for k in range(2, top_k + 1))]
    columns = [f'{prefix}{name}{rank}' for prefix in heads
               for rank in ranks for name in ('class', 'score')]
    table = io.StringIO()
    # Python 3.11 would leave a carriage return without quotes.
    returns = '\r' in str.join('', [*files, *(
        name for names in heads.values() for name in names or ())])
    writer = csv.DictWriter(
        table, ['path', *columns], lineterminator='\n',
        quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL)
    writer.writeheader()
    for file, result in zip(files, results, strict=True):
        row: dict[str, Any] = dict(path=file)
        for prefix, names in heads.items() if result else ():
            scores = result[f'{prefix}pred_scores']
            for rank, label in zip(ranks, scores.argsort()[::-1],
                                   strict=False):
                row[f'{prefix}class{rank}'] = (
                    int(label) if names is None else names[label])
                row[f'{prefix}score{rank}'] = f'{scores[label]:.6f}'
        writer.writerow(row)
    with atomic_write(out) as file:
        # Names that are no UTF-8 come out as they are on the disk.
        file.write(table.getvalue().encode(errors='surrogateescape'))
    return failed


def _predict(inferencer: PictureInferencer, files: list[str],
             source: bool, failed: dict[str, str]) -> list[dict | None]:
    """Predict a batch; an image that fails leaves the others alone."""
    options = dict(return_source=True) if source else {}
    try:
        return inferencer(files, batch_size=len(files), **options)
    except Exception as error:  # Decoders raise errors of many kinds.
        if len(files) == 1:
            failed[files[0]] = str(error).strip().splitlines()[-1]
            return [None]
        return [result for file in files
                for result in _predict(inferencer, [file], source, failed)]


def onnx_predict(onnx_file: str | Path, pictures: Inputs,
                 batch_size: int = 32) -> list[dict]:
    """Predict pictures by the ONNX file of an export, as its model does.

    Args:
        onnx_file (str | Path): ``model.onnx`` of an export.
        pictures (str | Path | array | PIL.Image | list): As in
            :class:`JTLNInferencer`.
        batch_size (int): Pictures a run of the file. Defaults to 32.

    Returns:
        list[dict]: One a picture, as in :class:`JTLNInferencer`.

    Raises:
        ValueError: If the file is no export of this package, or as there.
        ImportError: If ``onnxruntime`` is not installed.
    """
    import onnxruntime
    session = onnxruntime.InferenceSession(
        str(onnx_file), providers=['CPUExecutionProvider'])
    about = session.get_modelmeta().custom_metadata_map
    require('before' in about, 'An ONNX file must say how it takes pictures',
            f'but {onnx_file} does not',
            'Give one of tools/export.py or tools/adapt.py')
    classes = json.loads(about['classes'])
    with DefaultScope.overwrite_default_scope(TRANSFORMS.scope):
        read = picture_pipeline(
            [*json.loads(about['before']), dict(type='PackInputs')])
    pictures, results = list_pictures(pictures), []
    for start in range(0, len(pictures), batch_size):
        batch = pictures[start:start + batch_size]
        # Pipelines give BGR in front, the file takes RGB behind.
        pixels = np.stack([read(picture)['inputs'].numpy()[::-1]
                           for picture in batch]).transpose(0, 2, 3, 1)
        rows, = session.run(None, dict(pixels=np.ascontiguousarray(pixels)))
        for picture, scores in zip(batch, rows, strict=True):
            label = int(scores.argmax())
            results.append(dict(pred_scores=scores, pred_label=label,
                                pred_score=float(scores[label])))
            if classes:
                results[-1]['pred_class'] = classes[label]
            if isinstance(picture, str):
                results[-1]['img_path'] = picture
    return results
