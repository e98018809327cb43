"""What an ONNX file takes and gives, for who has nothing but the file."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

import mmjtln

_NO_STEP = ('LoadImageFromFile', 'PackInputs')


def onnx_pixels(inputs: list[Tensor]) -> Tensor:
    """Make example images for a graph that takes pixels.

    Args:
        inputs (list[Tensor]): What the test pipeline makes of images of
            different shapes, (C, H, W) each.

    Returns:
        Tensor: uint8, shape (2, H, W, C).

    Raises:
        ValueError: If the sizes vary, or they are no pixels.
    """
    sizes = [tuple(one.shape[1:]) for one in inputs]
    if len(set(sizes)) > 1:
        raise ValueError(
            'An ONNX file takes images of one size, but the test pipeline '
            f'gives {sizes[0]} or {sizes[1]} pixels, as the image is. Set its '
            'Resize to a fixed size, or add a CenterCrop.')
    if any(one.dtype != torch.uint8 for one in inputs):
        raise ValueError(
            'An ONNX file takes pixels, 0 to 255, but the test pipeline '
            f'gives {inputs[0].dtype}. Set mean and std in the '
            '`data_preprocessor`, which is exported, not in the pipeline.')
    return torch.stack([inputs[0], inputs[0].flip(1)]).permute(
        0, 2, 3, 1).contiguous()


def onnx_card(pixels: Tensor, pipeline: list[dict], preprocessor: nn.Module,
              classes: Sequence[str], domain: str) -> dict:
    """Describe input and output, JSON-able.

    Args:
        pixels (Tensor): Example input, shape (N, H, W, C).
        pipeline (list[dict]): The test pipeline, whose steps between reading
            and packing are for the user of the file to take.
        preprocessor (ClsDataPreprocessor): Whose work the graph does.
        classes (Sequence[str]): Names of the outputs.
        domain (str): ``'target'`` or ``'source'``.
    """
    height, width, channels = pixels.shape[1:]
    steps = [dict(step) for step in pipeline
             if str(step['type']).rpartition('.')[2] not in _NO_STEP]
    normalised = preprocessor._enable_normalize
    return dict(
        input=dict(
            name='pixels', type='uint8', shape=['N', height, width, channels],
            channels='RGB' if channels == 3 else 'gray'),
        output=dict(name='scores', type='float32',
                    shape=['N', len(classes)], sum=1),
        before=steps,
        mean_in_graph=preprocessor.mean.flatten().tolist()
        if normalised else None,
        std_in_graph=preprocessor.std.flatten().tolist()
        if normalised else None,
        classes=list(classes),
        domain=domain,
        mmjtln_version=mmjtln.__version__)
