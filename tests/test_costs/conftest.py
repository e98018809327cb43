"""Small data sets and networks for the tests of cost builders."""
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS, MODELS
from torch import nn

from mmjtln.costs import ClassFeatures

PACK = [dict(type='PackInputs')]


@DATASETS.register_module(name='CostToyImages')
class ToyImages(BaseDataset):
    """Images of one colour a class, with noise, 8 x 8 pixels.

    Args:
        counts (list[int]): Images of each class.
        shift (int): Added to all colours: a domain shift.
    """

    def __init__(self, counts, classes=None, shift=0, **kwargs):
        self.counts, self.shift = counts, shift
        names = classes or [f'c{k}' for k in range(len(counts))]
        kwargs.setdefault('pipeline', PACK)
        # Serializing collects garbage, which takes long here.
        kwargs.setdefault('serialize_data', False)
        super().__init__(ann_file='', metainfo=dict(classes=names), **kwargs)

    def load_data_list(self):
        rng = np.random.default_rng(len(self.counts))
        colours = np.random.default_rng(7).integers(
            30, 200, size=(len(self.counts), 3))
        return [
            dict(
                img=(colours[k] + self.shift +
                     rng.integers(-9, 9, size=(8, 8, 3))).astype(np.uint8),
                img_path=f'{k}/{i}',
                gt_label=k) for k, count in enumerate(self.counts)
            for i in range(count)
        ]


@MODELS.register_module(name='CostToyBackbone')
class ToyBackbone(nn.Module):
    """One convolution; returns a tuple of one map."""

    def __init__(self, channels=6):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, channels, 3)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return (self.norm(self.conv(x)).tanh(), )


def toy_config(num_classes=4, channels=6):
    """Config of an image classifier on the toy backbone."""
    return dict(
        type='ImageClassifier',
        backbone=dict(type='CostToyBackbone', channels=channels),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='LinearClsHead', num_classes=num_classes,
            in_channels=channels),
        data_preprocessor=dict(mean=[127.] * 3, std=[60.] * 3))


def random_features(counts, dimensions, seed=0):
    """Features around random class means, in shuffled order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    means = rng.normal(size=(len(counts), dimensions))
    features = means[labels] + rng.normal(size=(len(labels), dimensions))
    return ClassFeatures(
        torch.tensor(features, dtype=torch.float32), torch.tensor(labels),
        len(counts))


class Named:
    """What a name-based builder needs of a data set."""

    def __init__(self, *classes):
        self.metainfo = dict(classes=classes)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def model():
    return MODELS.build(toy_config())


@pytest.fixture
def source():
    return ToyImages([6, 7, 8, 9], ['red', 'green', 'blue', 'grey'])


@pytest.fixture
def target():
    return ToyImages([3, 4, 5], ['rot', 'gruen', 'blau'], shift=25)
