"""Pure-Python configs say what text configs say."""
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmjtln.apis import JTLNInferencer, export_classifier, train
from mmjtln.comparison.method_config import check_comparable
from mmjtln.registry import MODELS
from mmjtln.run_config import with_registered_names

ROOT = Path(__file__).parents[1]
#: Imports after which the types below are classes.
_IMPORTS = {
    'mmengine.dataset': ['DefaultSampler'],
    'mmengine.dataset.utils': ['default_collate'],
    'mmpretrain.datasets': ['PackInputs', 'RepeatDataset'],
    'mmpretrain.models': ['GlobalAveragePooling', 'LinearClsHead', 'ResNet'],
    'mmcv.transforms': ['Resize'],
    'mmjtln.costs': ['MKMMDCost'],
    'mmjtln.datasets': ['FewShotDataset', 'JointDataset', 'JointSampler',
                        'MNIST5k', 'UCIDigits'],
    'mmjtln.evaluation': ['DomainAccuracy'],
    'mmjtln.hooks': ['ClassCheckHook', 'CostMatrixHook'],
    'mmjtln.models': ['JTLNClassifier'],
    'mmjtln.resume': ['ResumableCheckpointHook'],
    'torch.optim': ['SGD'],
}


@pytest.fixture
def pure_python(tiny_run, tmp_path) -> Path:
    """Write the small run with imports in place of names."""
    text = tiny_run.pretty_text
    lines = []
    for module, names in _IMPORTS.items():
        found = []
        for name in names:
            for quoted in (f"type='{name}'", f"type='mmjtln.{name}'"):
                if quoted in text:
                    found.append(name)
                    text = text.replace(quoted, f'type={name}')
        if found:
            lines.append(f'from {module} import {", ".join(found)}')
    path = tmp_path / 'pure_python.py'
    path.write_text('\n'.join(lines) + '\n' + text)
    return path


def test_types_become_names(pure_python, tiny_run):
    """The text config is the oracle."""
    cfg = Config.fromfile(pure_python)
    assert not isinstance(cfg.model.type, str)
    assert with_registered_names(cfg)._cfg_dict == tiny_run._cfg_dict
    assert not isinstance(cfg.model.type, str)
    assert with_registered_names(tiny_run)._cfg_dict == tiny_run._cfg_dict


def test_unregistered_class_stays(tiny_run):
    """An import path that no registry knows is none of our business."""
    tiny_run.model.backbone.type = 'pathlib.Path.home'
    tiny_run.model.neck.type = Path
    cfg = with_registered_names(tiny_run)
    assert cfg.model.backbone.type == 'pathlib.Path.home'
    assert cfg.model.neck.type is Path


def test_comparison_and_model_from_pure_python(pure_python):
    """What looks at types accepts the config, and the model builds."""
    cfg = with_registered_names(Config.fromfile(pure_python))
    check_comparable(cfg)
    assert hasattr(MODELS.build(cfg.model), 'source_head')


def test_pure_python_trains_predicts_and_exports(pure_python, tmp_path):
    """As a text config does."""
    runner = train(pure_python, train_cfg=dict(max_epochs=1))
    best = runner.message_hub.get_info('best_ckpt')
    files = export_classifier(pure_python, best, tmp_path / 'out')
    assert Config.fromfile(files['config']).model.type == 'ImageClassifier'
    inferencer = JTLNInferencer(str(pure_python), best)
    image = np.zeros((32, 32, 3), np.uint8)
    assert inferencer(image)[0]['pred_scores'].shape == (10, )
