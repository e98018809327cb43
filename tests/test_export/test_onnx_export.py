"""ONNX export: a batch of any size, or a clear refusal."""
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.models.utils import ShiftWindowMSA
from mmpretrain.registry import MODELS
from torch import nn

pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
runtime = pytest.importorskip('onnxruntime')

from mmjtln.export.onnx_export import onnx_file  # noqa: E402


def pixels(count: int, size: int) -> torch.Tensor:
    """Return images of noise, (N, H, W, 3)."""
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8)


def test_swin_takes_any_batch():
    """Shifted windows do not hold the batch of the export fast."""
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type='SwinTransformer', img_size=64, out_indices=(0, ),
                arch=dict(embed_dims=12, depths=[2], num_heads=[1])),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=5, in_channels=12),
            data_preprocessor=dict(
                mean=[10, 20, 30], std=[40, 50, 60], to_rgb=True)))
    model.eval()
    before = ShiftWindowMSA.window_reverse
    content = onnx_file(model, pixels(2, 64), {})
    assert ShiftWindowMSA.window_reverse is before
    session = runtime.InferenceSession(
        content, providers=['CPUExecutionProvider'])
    for size in (1, 5):
        rgb = pixels(size, 64)
        images = (rgb - torch.tensor([10, 20, 30])) / torch.tensor(
            [40., 50., 60.])
        with torch.no_grad():
            expected = model(
                images.permute(0, 3, 1, 2), mode='tensor').softmax(1)
        found, = session.run(None, dict(pixels=rgb.numpy()))
        torch.testing.assert_close(
            torch.from_numpy(found), expected, atol=1e-5, rtol=0)


class Baked(nn.Module):
    """Computes with the number of images as a plain number."""

    def __init__(self, reshape: bool):
        super().__init__()
        self.reshape = reshape
        self.data_preprocessor = ClsDataPreprocessor()

    def forward(self, images, mode):
        """Return three logits an image."""
        count = int(images.shape[0] / 1)
        if self.reshape:
            return images.reshape(count, -1)[:, :3]
        return images.flatten(1)[:, :3] * torch.tensor([1., 2., 3.]) * count


@pytest.mark.parametrize('reshape', [True, pytest.param(
    False, marks=pytest.mark.skipif(
        torch.__version__ < '2.6', reason='the tracer keeps the number'))])
def test_a_model_for_one_batch_size_is_refused(reshape):
    """Whether it then fails or computes something else."""
    with pytest.raises(RuntimeError, match='on 3 images.*batch size'):
        onnx_file(Baked(reshape).eval(), pixels(2, 4), {})
