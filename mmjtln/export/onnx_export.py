"""A stock classifier as ONNX, checked against torch."""
import importlib
import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from mmpretrain.models.utils import ShiftWindowMSA
from torch import Tensor, nn

from mmjtln.heads.logits import logits_of

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

#: Largest difference of a score that is put down to rounding.
TOLERANCE = 1e-5


def check_packages() -> None:
    """Raise ImportError, with the command to run, if one is missing."""
    for name in ('onnx', 'onnxscript', 'onnxruntime'):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f'ONNX export needs `{name}` ({error}). Install it with '
                '`pip install "mmjtln[onnx]"`.') from error


class Scores(nn.Module):
    """Class scores from pixels: preprocessor, backbone, neck, head, softmax.

    Args:
        classifier (ImageClassifier): A stock classifier, with its data
            preprocessor.
    """

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels (N, H, W, C), uint8 and RGB, to scores (N, classes)."""
        images = pixels.permute(0, 3, 1, 2)
        if images.shape[1] == 3:
            images = images.flip(1)  # As the pipelines read images: BGR.
        images = self.classifier.data_preprocessor(
            dict(inputs=images))['inputs']
        return logits_of(self.classifier(images, mode='tensor')).softmax(1)


def _window_reverse(windows: Tensor, height: int, width: int,
                    size: int) -> Tensor:
    """Put windows (N * windows, size, size, C) back to (N, H, W, C)."""
    channels = windows.shape[-1]
    rows = windows.reshape(-1, height // size, width // size, size, size,
                           channels)
    return rows.transpose(2, 3).reshape(-1, height, width, channels)


@contextmanager
def free_batch_size() -> Iterator:
    """Let Swin Transformers reckon without the number of images.

    MMPretrain's own method divides floating-point numbers to find it, which
    makes a constant of it in the graph.
    """
    stock = ShiftWindowMSA.window_reverse
    ShiftWindowMSA.window_reverse = staticmethod(_window_reverse)
    try:
        yield
    finally:
        ShiftWindowMSA.window_reverse = staticmethod(stock)


def export_onnx(classifier: nn.Module, pixels: Tensor, path: str,
                about: dict) -> None:
    """Write a classifier as ONNX with a free batch size, and check it.

    Input ``pixels``: as an image library reads them, uint8, RGB, shape
    (N, H, W, C) with H, W and C of the example. Order of the channels,
    normalization and padding are in the graph. Output ``scores``:
    (N, classes).

    Args:
        classifier (ImageClassifier): In evaluation mode.
        pixels (Tensor): Example images, uint8, N of 2 or more.
        path (str): Where to write.
        about (dict): What the file says of itself in its metadata, JSON-able:
            each value becomes a text, strings as they are, others as JSON.

    Raises:
        RuntimeError: If onnxruntime gives other scores than torch, on this
            batch or on one of another size.
    """
    import onnx
    import onnxruntime

    scores = Scores(classifier).eval()
    options = dict(input_names=['pixels'], output_names=['scores'])
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        options.update(
            dynamo=True, external_data=False, verbose=False,
            dynamic_shapes=({0: torch.export.Dim('batch')}, ))
    else:
        options['dynamic_axes'] = dict(pixels={0: 'batch'},
                                       scores={0: 'batch'})
    with torch.no_grad():
        with free_batch_size():
            torch.onnx.export(scores, (pixels, ), path, **options)
        model = onnx.load(path)
        onnx.helper.set_model_props(model, {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in about.items()})
        onnx.save(model, path)
        session = onnxruntime.InferenceSession(
            path, providers=['CPUExecutionProvider'])
        for batch in (pixels, torch.cat([pixels, pixels.flip(0)])[:3]):
            _check(session, scores, batch)


def _check(session: 'InferenceSession', scores: nn.Module,
           pixels: Tensor) -> None:
    """Refuse an ONNX model that does not give torch's scores."""
    try:
        found, = session.run(None, dict(pixels=pixels.numpy()))
        error = (scores(pixels) - torch.from_numpy(found)).abs().max().item()
        fault = '' if error <= TOLERANCE else f'they differ by {error:.1e}'
    except Exception as problem:  # onnxruntime has many, without a base.
        fault = f'it fails ({str(problem).splitlines()[0][:200]})'
    if fault:
        raise RuntimeError(
            'The ONNX model must give the scores of torch, but on '
            f'{len(pixels)} images {fault}; it was exported with 2, and was '
            'not written. Some backbones compute with the batch size as a '
            'constant, which torch.onnx then keeps: deploy such a model from '
            'the exported config and checkpoint.')
