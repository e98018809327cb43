"""The converter of torchvision's AlexNet weights, as a command."""
import subprocess
import sys
from pathlib import Path

import torch
import torchvision
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS

TOOL = Path(__file__).parents[2] / (
    'tools/model_converters/torchvision_alexnet.py')


def test_converted_file_loads_into_a_jtln_model(tmp_path):
    """Backbone and neck get every weight, bit for bit."""
    alexnet = torchvision.models.alexnet(weights=None)
    torch.save(alexnet.state_dict(), tmp_path / 'in.pth')
    subprocess.run([
        sys.executable, TOOL, tmp_path / 'in.pth', tmp_path / 'new/out.pth'
    ], check=True)
    model = MODELS.build(
        dict(
            type='mmjtln.JTLNClassifier',
            backbone=dict(type='AlexNet'),
            neck=dict(type='mmjtln.AlexNetNeck'),
            head=dict(type='LinearClsHead', num_classes=3, in_channels=4096),
            source_head=dict(num_classes=1000)))
    load_checkpoint(model, str(tmp_path / 'new/out.pth'))
    assert torch.equal(model.backbone.features[3].weight,
                       alexnet.features[3].weight)
    assert torch.equal(model.neck.fc6.weight, alexnet.classifier[1].weight)
    assert torch.equal(model.neck.fc7.bias, alexnet.classifier[4].bias)
