"""Prediction is with all weights of the checkpoint, or not at all."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from mmjtln.apis import JTLNInferencer, write_predictions

NAMES = [str(i) for i in range(10)]


@pytest.fixture
def trained(tiny_run, tmp_path) -> tuple[Config, str]:
    """Return the config of a run and a checkpoint of it."""
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(copy.deepcopy(tiny_run.model))
    path = str(tmp_path / 'best.pth')
    torch.save(dict(state_dict=model.state_dict(), meta=dict(
        dataset_meta=dict(classes=NAMES, source_classes=NAMES))), path)
    return tiny_run, path


def change(path: str, edit) -> str:
    """Edit the weights of a checkpoint."""
    loaded = torch.load(path, weights_only=False)
    edit(loaded['state_dict'])
    torch.save(loaded, path)
    return path


def without(prefix: str):
    """Take weights out."""
    def edit(state: dict) -> None:
        for key in [key for key in state if key.startswith(prefix)]:
            del state[key]
    return edit


def test_a_whole_checkpoint_serves(trained):
    """Of its run; and names of the outputs are as many."""
    cfg, path = trained
    assert JTLNInferencer(cfg, path).classes == NAMES
    for names in (dict(classes=['a']), dict(source_classes=['a', 'b'])):
        with pytest.raises(ValueError, match='a name for each of the 10'):
            JTLNInferencer(cfg, path, **names)


@pytest.mark.parametrize('edit, words', [
    (without('backbone.layer4'), 'backbone.layer4'),
    (without('head.'), 'head.fc'),
    (without('source_head.'), 'source_head.fc'),  # As a stock checkpoint.
    (lambda state: state.update(other=torch.ones(1)), "'other'"),
    (lambda state: state.update({'head.fc.weight': torch.ones(3, 64)}),
     'head.fc.weight'),
    (lambda state: state['head.fc.bias'].fill_(float('nan')), 'finite')])
def test_another_checkpoint_is_refused(trained, tmp_path, edit, words):
    """By the class and by the function behind tools/predict.py."""
    cfg, path = trained
    change(path, edit)
    with pytest.raises(ValueError, match=words):
        JTLNInferencer(cfg, path)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(copy.deepcopy(cfg.model))
    model._config = cfg
    with pytest.raises(ValueError, match=words):
        JTLNInferencer(model, path)
    cfg.dump(tmp_path / 'config.py')
    with pytest.raises(ValueError, match=words):
        write_predictions(tmp_path / 'config.py', path, [tmp_path],
                          tmp_path / 'out.csv')
    assert not (tmp_path / 'out.csv').exists()


@pytest.mark.parametrize('name', ['a.pth', 'a.PTH', 'a.pt', 'a.ckpt'])
def test_a_checkpoint_among_pictures_is_refused(trained, tmp_path, name):
    """As a shell gives two where one was meant."""
    cfg, path = trained
    cfg.dump(tmp_path / 'config.py')
    with pytest.raises(ValueError, match='among the pictures'):
        write_predictions(tmp_path / 'config.py', path, [name, tmp_path],
                          tmp_path / 'out.csv')


def test_a_device_that_is_not_there_is_refused_before_all_else(tmp_path):
    with pytest.raises(ValueError, match="got 'cuda:99': .* Leave `device`"):
        write_predictions('no.py', 'no.pth', [tmp_path],
                          tmp_path / 'out.csv', device='cuda:99')


def test_a_stock_classifier_has_no_source_head(tiny_run, tmp_path):
    """What is asked of it is refused before a picture is read."""
    cfg, path = tiny_run, str(tmp_path / 'stock.pth')
    del cfg.model['source_head']
    cfg.model.type = 'ImageClassifier'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        torch.save(MODELS.build(copy.deepcopy(cfg.model)).state_dict(), path)
    cfg.dump(tmp_path / 'config.py')
    with pytest.raises(ValueError, match='source head is part of a JTLN'):
        write_predictions(tmp_path / 'config.py', path, [tmp_path],
                          tmp_path / 'out.csv', source=True)
