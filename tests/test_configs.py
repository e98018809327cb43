"""Every config parses, inherits and builds its model."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.py')), ids=str)
def test_config_builds(path):
    """The model and the loaders' data sets are there after inheritance."""
    cfg = Config.fromfile(path)
    assert cfg.default_scope == 'mmpretrain'
    assert cfg.train_dataloader.dataset.type
    init_default_scope('mmpretrain')
    model = MODELS.build(cfg.model)
    is_joint = cfg.train_dataloader.dataset.type == 'mmjtln.JointDataset'
    assert hasattr(model, 'source_head') == is_joint


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.py')), ids=str)
def test_config_says_what_it_is(path):
    """Each recipe opens with a header that holds its command."""
    header = path.read_text().split('\n_base_')[0]
    assert f'tools/train.py configs/{path.name}' in header
    for word in ('Trains', 'Expect'):
        assert word in header
