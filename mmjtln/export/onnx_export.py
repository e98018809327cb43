"""A stock classifier as ONNX: checked against torch, described, written."""
import importlib
import inspect
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmpretrain.models.utils import ShiftWindowMSA
from torch import Tensor, nn

import mmjtln
from mmjtln.errors import refusal, require, told
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
            raise told(f'ONNX export needs `{name}` ({error}). Install it by '
                       '`pip install "mmjtln[onnx]"`.', ImportError) from error


def onnx_pixels(inputs: list[Tensor]) -> Tensor:
    """Make examples, uint8 (2, H, W, C), of what a pipeline gives."""
    sizes = [tuple(one.shape[1:]) for one in inputs]
    require(len(set(sizes)) == 1, 'An ONNX file takes images of one size',
            f'but the test pipeline gives {sizes[0]} or {sizes[1]} pixels',
            'Set its Resize to a fixed size, or add a CenterCrop')
    require(all(one.dtype == torch.uint8 for one in inputs),
            'An ONNX file takes pixels, 0 to 255',
            f'but the test pipeline gives {inputs[0].dtype}',
            'Set mean and std in `data_preprocessor`, not in the pipeline')
    return torch.stack([inputs[0], inputs[0].flip(1)]).permute(
        0, 2, 3, 1).contiguous()


def onnx_card(pixels: Tensor, pipeline: list[dict], preprocessor: nn.Module,
              classes: Sequence[str], domain: str) -> dict:
    """Describe input and output, for who has nothing but the file."""
    height, width, channels = pixels.shape[1:]
    mean, std = (getattr(preprocessor, name).flatten().tolist()
                 if preprocessor._enable_normalize else None
                 for name in ('mean', 'std'))
    return dict(
        input=dict(type='uint8', shape=['N', height, width, channels],
                   channels='RGB' if channels == 3 else 'gray'),
        before=[dict(step) for step in pipeline
                if str(step['type']).rpartition('.')[2] != 'PackInputs'],
        mean_in_graph=mean, std_in_graph=std, classes=list(classes),
        domain=domain, mmjtln_version=mmjtln.__version__)


class _Scores(nn.Module):
    """A stock classifier from pixels to class scores."""

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
def _free_batch_size() -> Iterator:
    """Let Swin Transformers reckon without the number of images."""
    # MMPretrain finds it by a division, which makes it a constant.
    stock = ShiftWindowMSA.window_reverse
    ShiftWindowMSA.window_reverse = staticmethod(_window_reverse)
    try:
        yield
    finally:
        ShiftWindowMSA.window_reverse = staticmethod(stock)


@torch.no_grad()
def onnx_file(classifier: nn.Module, pixels: Tensor, about: dict) -> bytes:
    """Make an ONNX file with a free batch size, and check it."""
    import onnx
    import onnxruntime

    scores = _Scores(classifier).eval()
    options: dict[str, Any] = dict(
        input_names=['pixels'], output_names=['scores'])
    if 'external_data' in inspect.signature(torch.onnx.export).parameters:
        options.update(
            dynamo=True, external_data=False, verbose=False,
            dynamic_shapes=({0: torch.export.Dim('batch')}, ))
    else:
        options['dynamic_axes'] = dict(pixels={0: 'batch'},
                                       scores={0: 'batch'})
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, 'model.onnx'))
        with _free_batch_size():
            torch.onnx.export(scores, (pixels, ), path, **options)
        model = onnx.load(path)
    onnx.helper.set_model_props(model, {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in about.items()})
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(
        content, providers=['CPUExecutionProvider'])
    for batch in (pixels, torch.cat([pixels, pixels.flip(0)])[:3]):
        _check(session, scores, batch)
    return content


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
        raise refusal(
            'An ONNX model must give the scores of torch for any batch size',
            f'but on {len(pixels)} images {fault}', 'The backbone computes '
            'with the batch size of the export: deploy its stock config and '
            'checkpoint instead', RuntimeError)
