"""What a config lacks is said before anything is built."""
import copy

import pytest
import torch
from mmengine.config import Config

from mmjtln.apis import train
from mmjtln.checks.before_run import check_config
from mmjtln.run_config import read_config
from tests.test_datasets.conftest import Toy  # noqa: F401  registered


def test_no_hooks(tiny_run, monkeypatch):
    """What is absent, why it matters, and what to set; no data is read."""
    from mmengine.runner import Runner
    monkeypatch.setattr(
        Runner, 'from_cfg', lambda _: pytest.fail('a runner was built'))
    tiny_run.model.lambda_ot = dict(value=1., begin=0.5)
    for hooks in ([], None, [dict(type='mmjtln.ClassCheckHook')],
                  [dict(type='EMAHook')]):
        cfg = copy.deepcopy(tiny_run)
        cfg.custom_hooks = hooks
        with pytest.raises(ValueError, match='needs a cost matrix, which .* '
                           'has no CostMatrixHook.*Add dict.*ot_loss=None'):
            train(cfg)


@pytest.mark.parametrize('change', [
    {}, {'custom_hooks': [], 'model.ot_loss': None},
    {'custom_hooks': [], 'model.ot_loss': dict(cost=[[1.]])},
    {'custom_hooks': [], 'load_from': 'a.pth'},
    {'custom_hooks': [], 'resume': True},
    {'custom_hooks': [], 'model.type': 'ImageClassifier'}], ids=str)
def test_what_has_a_cost(tiny_run, change, capsys):
    """Where nothing checks the classes, that is said all the same."""
    tiny_run.merge_from_dict(change)
    for key, value in change.items():  # Merging would keep what was there.
        if key == 'custom_hooks':
            tiny_run.custom_hooks = value
    check_config(tiny_run)


def test_types_of_pure_python_configs(tiny_run):
    """Hooks and model are known by their classes, too."""
    from mmjtln.hooks import ClassCheckHook, CostMatrixHook
    from mmjtln.models import JTLNClassifier
    cfg = tiny_run.to_dict()
    cfg['model']['type'] = JTLNClassifier
    cfg['custom_hooks'] = [dict(type=ClassCheckHook)]
    with pytest.raises(ValueError, match='has no CostMatrixHook'):
        check_config(read_config(Config(cfg)))
    cfg['custom_hooks'].append(dict(type=CostMatrixHook, cost=dict()))
    check_config(read_config(Config(cfg)))


@pytest.mark.parametrize('seed', [-1, 2**32, True, 1.5, '1', float('nan')])
def test_seeds(tiny_run, seed):
    """NumPy's own error names no option."""
    with pytest.raises(ValueError, match='`randomness.seed` is '):
        train(tiny_run, **{'randomness.seed': seed})


@pytest.mark.parametrize('share, counted, absent', [
    (0., 'target', 'source'), (1., 3, 'target')])
def test_batches_of_one_domain(tiny_run, share, counted, absent):
    """Both have a loss, so both must be drawn."""
    tiny_run.train_dataloader.batch_sampler.update(
        source_share=share, epoch=counted)
    with pytest.raises(ValueError, match=f'must hold {absent} images.*'
                       f'`source_share` .* is {share}, which draws none'):
        train(tiny_run)


@pytest.mark.parametrize('split', ['val', 'test'])
@pytest.mark.parametrize('ignored', [None, ['classes']])
def test_concatenation_of_other_classes(tiny_run, monkeypatch, split,
                                        ignored):
    """As an evaluation set, the split and the classes are named."""
    from mmjtln.models import JTLNClassifier
    monkeypatch.setattr(
        JTLNClassifier, 'train_step',
        lambda *_, **__: pytest.fail('a training step was taken'))
    names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven',
             'eight', 'nine']
    other = [*names[:-1], 'lynx']
    tiny_run[f'{split}_dataloader'].dataset = dict(
        type='ConcatDataset', ignore_keys=ignored, datasets=[
            dict(type='Toy', size=20, metainfo=dict(classes=classes))
            for classes in (names, other)])
    tiny_run[f'{split}_evaluator'] = dict(type='mmjtln.DomainAccuracy')
    with pytest.raises(ValueError, match=f"{split}.*part 1: it lacks "
                       r"\['nine'\] and adds \['lynx'\].*UnionDataset"):
        train(tiny_run)


def test_model_alone_without_a_cost(tiny_model):
    """In a run without these checks, the loss says what would build it."""
    from mmpretrain.registry import MODELS
    model = MODELS.build(tiny_model)
    with pytest.raises(RuntimeError, match='CostMatrixHook.*custom_hooks'):
        model.ot_loss.transport(torch.zeros(1, 10), torch.zeros(1, 10))


@pytest.mark.parametrize('name', ['drop_last', 'shuffle'])
def test_what_a_batch_sampler_decides(tiny_run, name):
    """The loader's own option would do nothing, or be an error."""
    with pytest.raises(ValueError, match=f'`{name}` of `train_dataloader`'):
        train(tiny_run, **{f'train_dataloader.{name}': True})
