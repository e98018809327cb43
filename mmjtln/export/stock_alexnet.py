"""AlexNet's fully connected layers in parts that MMPretrain itself has."""
import torch
from torch import Tensor, nn

from mmjtln.errors import require

_LINEAR_HEADS = ('LinearClsHead', 'mmpretrain.LinearClsHead')


def _pooling_matrix(height: int, width: int, pool_size: int) -> Tensor:
    """Write adaptive average pooling as (pool_size ** 2, height * width)."""
    basis = torch.eye(height * width, dtype=torch.float64)
    basis = basis.view(-1, 1, height, width)
    return nn.functional.adaptive_avg_pool2d(basis, pool_size).flatten(1).T


def stock_alexnet(model: dict, state: dict, neck: nn.Module,
                  feature_shape: tuple[int, int, int]) -> tuple[dict, dict]:
    """Express an ``AlexNetNeck`` and a linear head in stock parts.

    Pooling and fc6 are linear: for images of one size, one linear layer.
    """
    require(model['head']['type'] in _LINEAR_HEADS,
            'AlexNetNeck is exported under a LinearClsHead only',
            f'but `model.head.type` is {model["head"]["type"]!r}',
            'Train with that head', TypeError)
    channels, height, width = feature_shape
    pool_size = neck.pool.output_size
    fc6 = state['neck.fc6.weight']
    matrix = _pooling_matrix(height, width, pool_size)
    folded = fc6.double().view(len(fc6), channels, pool_size**2) @ matrix
    hidden = len(state['neck.fc7.weight'])

    head = {key: value for key, value in model['head'].items()
            if key != 'init_cfg'}
    head.update(type='StackedLinearClsHead', in_channels=len(fc6),
                mid_channels=[hidden])
    neck_cfg = dict(
        type='LinearNeck', in_channels=channels * height * width,
        out_channels=len(fc6), gap_dim=0, norm_cfg=None,
        act_cfg=dict(type='ReLU'))
    stock = {key: value for key, value in state.items()
             if not key.startswith(('neck.', 'head.'))}
    stock['neck.fc.weight'] = folded.flatten(1).to(fc6.dtype)
    stock['neck.fc.bias'] = state['neck.fc6.bias']
    for leaf in ('weight', 'bias'):
        stock[f'head.layers.0.fc.{leaf}'] = state[f'neck.fc7.{leaf}']
        stock[f'head.layers.1.fc.{leaf}'] = state[f'head.fc.{leaf}']
    return dict(model, neck=neck_cfg, head=head), stock
