"""Data sets small enough to build hundreds of them."""
import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS


@DATASETS.register_module()
class Toy(BaseDataset):
    """Images of one value each, ``first + i``, with labels in turn.

    ``labels`` overrides the labels in turn.
    """

    def __init__(self, size, num_classes=2, first=0, labels=None, **kwargs):
        self.size, self.num_classes = size, num_classes
        self.first, self.labels = first, labels
        kwargs.setdefault('pipeline', [dict(type='PackInputs')])
        kwargs.setdefault(
            'metainfo',
            dict(classes=[f'class {c}' for c in range(num_classes)]))
        # Serializing collects garbage, which takes a third of a second here.
        kwargs.setdefault('serialize_data', False)
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self):
        labels = self.labels
        if labels is None:
            labels = [i % self.num_classes for i in range(self.size)]
        return [
            dict(
                img=np.full((2, 2, 3), self.first + i, np.int32),
                img_path=f'toy/{self.first + i}',
                gt_label=label) for i, label in enumerate(labels)
        ]


@pytest.fixture
def toy():
    return Toy


@pytest.fixture(params=[None, 'mmpretrain'])
def default_scope(request):
    """Run a test without a default scope, and with the host's."""
    before = DefaultScope._instance_dict.copy()
    DefaultScope._instance_dict.clear()
    if request.param:
        DefaultScope.get_instance('test', scope_name=request.param)
    yield request.param
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)
