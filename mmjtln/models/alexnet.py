"""AlexNet's fully connected layers, as a neck."""
import torch
from mmengine.model import BaseModule
from torch import nn

from mmjtln.registry import MODELS


@MODELS.register_module()
class AlexNetNeck(BaseModule):
    """The fully connected layers fc6 and fc7 of AlexNet, shared by both heads.

    In JTLN the shared extractor F reaches up to fc7 (Lu et al. 2017, Sec. 4):
    each head is AlexNet's last layer. Feature maps of ``in_channels`` are
    average-pooled to ``pool_size`` first, as in torchvision's AlexNet, so that
    any image of 63 pixels or more fits; half of the inputs of fc6 and of fc7,
    which have ``out_channels`` outputs, are dropped in training.
    """

    def __init__(self, in_channels: int = 256, pool_size: int = 6,
                 out_channels: int = 4096,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.pool = nn.AdaptiveAvgPool2d(pool_size)
        self.drop6 = nn.Dropout()
        self.fc6 = nn.Linear(in_channels * pool_size**2, out_channels)
        self.drop7 = nn.Dropout()
        self.fc7 = nn.Linear(out_channels, out_channels)

    def forward(self, feats: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        """Map the last, (N, in_channels, H, W), to (N, out_channels)."""
        x = self.pool(feats[-1]).flatten(1)
        x = self.fc6(self.drop6(x)).relu()
        x = self.fc7(self.drop7(x)).relu()
        return (x, )
