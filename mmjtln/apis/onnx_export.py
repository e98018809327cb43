"""A stock classifier as ONNX, checked against torch."""
import importlib
import inspect

import torch
from torch import Tensor, nn

#: Largest difference of a score that is put down to rounding.
TOLERANCE = 1e-5


def check_packages() -> None:
    """Raise ImportError, with the command that mends it, if one is missing."""
    for name in ('onnx', 'onnxscript', 'onnxruntime'):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f'ONNX export needs `{name}` ({error}). Install it with '
                '`pip install "mmjtln[onnx]"`.') from error


class Scores(nn.Module):
    """Class scores from preprocessed images: backbone, neck, head, softmax.

    Args:
        classifier (ImageClassifier): A stock classifier.
    """

    def __init__(self, classifier: nn.Module):
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to scores (N, num_classes)."""
        logits = self.classifier(images, mode='tensor')
        # A head with several outputs predicts from their sum.
        logits = logits if isinstance(logits, Tensor) else sum(logits)
        return logits.softmax(1)


def export_onnx(classifier: nn.Module, images: Tensor, path: str) -> None:
    """Write a classifier as ONNX with a free batch size, and check it.

    Input ``images``: normalised as the data preprocessor does, float32, shape
    (N, C, H, W) with H and W of the example. Output ``scores``: (N, classes).

    Args:
        classifier (ImageClassifier): In evaluation mode.
        images (Tensor): Example images, N of 2 or more.
        path (str): Where to write.

    Raises:
        RuntimeError: If onnxruntime gives other scores than torch, on this
            batch or on one of another size.
    """
    import onnxruntime

    scores = Scores(classifier).eval()
    options = dict(input_names=['images'], output_names=['scores'])
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        options.update(
            dynamo=True, external_data=False, verbose=False,
            dynamic_shapes=({0: torch.export.Dim('batch')}, ))
    else:
        options['dynamic_axes'] = dict(images={0: 'batch'},
                                       scores={0: 'batch'})
    with torch.no_grad():
        torch.onnx.export(scores, (images, ), path, **options)
        session = onnxruntime.InferenceSession(
            path, providers=['CPUExecutionProvider'])
        for batch in (images, torch.cat([images, images.flip(0)])[:3]):
            found, = session.run(None, dict(images=batch.numpy()))
            error = (scores(batch) - torch.from_numpy(found)).abs().max()
            if not error <= TOLERANCE:
                raise RuntimeError(
                    'The ONNX model must give the scores of torch, but on '
                    f'{len(batch)} images they differ by {error.item():.1e} '
                    '(exported with 2); it was not written. Some backbones, '
                    'such as SwinTransformer, compute with the batch size as '
                    'a constant, which torch.onnx then keeps.')
