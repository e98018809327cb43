"""Each method's config differs from the JTLN config in what it should."""
import pytest
from mmengine.config import Config

from mmjtln.comparison import Method, methods_of
from mmjtln.comparison.methods import (
    check_comparable,
    method_config,
    source_config,
)

SOURCE = dict(classifier='classifier.pth', backbone='backbone.pth')


def derive(cfg, seed=3, shots=None, options=None, **method):
    return method_config(cfg, Method('it', **method), options or {}, seed,
                         shots, SOURCE)


def hooks(cfg):
    return [hook.type for hook in cfg.custom_hooks]


def test_target_only_is_a_stock_classifier_on_as_many_images(tiny_run):
    """Half the batch of the joint run, and nothing of the source."""
    cfg = derive(tiny_run, kind='target')
    assert cfg.model.type == 'ImageClassifier'
    assert 'source_head' not in cfg.model and 'ot_loss' not in cfg.model
    sampler = cfg.train_dataloader.batch_sampler
    assert cfg.train_dataloader.batch_size == 4
    assert sampler.source_share == 0.
    assert sampler.epoch == tiny_run.train_dataloader.batch_sampler.epoch
    assert cfg.train_dataloader.batch_size == 4
    assert cfg.val_dataloader.dataset.type == 'mmjtln.FewShotDataset'
    assert [e.domain for e in cfg.val_evaluator] == ['target']
    assert cfg.get('load_from') is None and not hooks(cfg)


def test_consecutive_differs_from_target_only_in_its_start(tiny_run):
    alone, after = (derive(tiny_run, kind=kind)
                    for kind in ('target', 'consecutive'))
    assert after.pop('load_from') == 'backbone.pth'
    assert alone.to_dict() == after.to_dict()


def test_source_run_sees_the_source_alone(tiny_run):
    cfg = source_config(tiny_run, seed=3)
    assert cfg.train_dataloader.batch_sampler.source_share == 1.
    assert cfg.val_dataloader is None and cfg.test_dataloader is None
    assert cfg.default_hooks.checkpoint.save_best is None


def test_source_run_takes_as_many_steps_whatever_an_epoch_is(tiny_run):
    tiny_run.train_dataloader.batch_sampler.epoch = 'target'
    cfg = source_config(tiny_run, seed=3)
    # 20 target images by 4.
    assert cfg.train_dataloader.batch_sampler.epoch == 5


def test_joint_has_no_ot_term(tiny_run):
    cfg = derive(tiny_run, kind='joint')
    assert cfg.model.ot_loss is None
    assert hooks(cfg) == ['mmjtln.ClassCheckHook']


def test_jtln_from_the_source_takes_its_head_too(tiny_run):
    cfg = derive(tiny_run, kind='jtln', start='source')
    assert cfg.load_from == 'classifier.pth'
    assert hooks(cfg)[-1] == 'mmjtln.StockCheckpointHook'


def test_cost_and_options_replace_the_configs(tiny_run):
    """Random costs are drawn anew for each seed."""
    cfg = derive(tiny_run, kind='jtln', cost=dict(type='mmjtln.RandomCost'),
                 options={'model.lambda_ot': 5.})
    assert cfg.custom_hooks[1].cost == dict(type='mmjtln.RandomCost', seed=3)
    assert cfg.model.lambda_ot == 5.


def test_a_config_without_hooks_gets_what_a_method_needs(tiny_run):
    """Such as one whose costs are given to the OT loss itself."""
    tiny_run.custom_hooks = None
    cfg = derive(tiny_run, kind='jtln', start='source',
                 cost=dict(type='mmjtln.RandomCost'))
    assert hooks(cfg) == [
        'mmjtln.CostMatrixHook', 'mmjtln.StockCheckpointHook']
    assert cfg.custom_hooks[0].cost.seed == 3


@pytest.mark.parametrize('wrapped', [True, False])
def test_seed_and_shots_reach_the_draw_of_images(tiny_run, wrapped):
    """A target that is not few-shot becomes it."""
    if not wrapped:
        joint = tiny_run.train_dataloader.dataset
        joint.target = joint.target.dataset
    cfg = derive(tiny_run, kind='jtln', shots=7)
    target = cfg.train_dataloader.dataset.target
    assert (target.type, target.shots, target.seed) == (
        'mmjtln.FewShotDataset', 7, 3)
    assert cfg.randomness.seed == 3


def test_the_config_compared_is_not_changed(tiny_run):
    before = tiny_run.to_dict()
    for kind in ('target', 'consecutive', 'joint', 'jtln'):
        derive(tiny_run, kind=kind, shots=1, options={'model.lambda_s': 2.})
    source_config(tiny_run, 5)
    assert tiny_run.to_dict() == before


def test_grid_is_the_product():
    method = Method('it', 'jtln', options={'c': 0},
                    grid={'a': [1, 2], 'b': [3, 4]})
    assert method.variants()[1] == {'c': 0, 'a': 1, 'b': 4}
    assert len(method.variants()) == 4


@pytest.mark.parametrize('fields, word', [
    (dict(kind='both'), 'both'),
    (dict(kind='jtln', start='imagenet'), 'imagenet'),
    (dict(kind='joint', cost=dict(type='x')), 'cost'),
    (dict(kind='target', start='source'), 'consecutive'),
])
def test_methods_that_make_no_sense_are_refused(fields, word):
    with pytest.raises(ValueError, match=word) as error:
        Method('it', **fields)
    assert 'comparison.methods.it' in str(error.value)


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match='nonsense'):
        methods_of(Config(), ['jtln', 'nonsense'])


@pytest.mark.parametrize('change, word', [
    (dict(val_dataloader=None), 'val_dataloader'),
    (dict(model=dict(type='ImageClassifier')), 'JTLNClassifier'),
    (dict(default_hooks=dict(checkpoint=dict(save_best=None))), 'save_best'),
])
def test_configs_that_cannot_be_compared_are_refused(tiny_run, change, word):
    check_comparable(tiny_run)
    tiny_run.merge_from_dict(change)
    with pytest.raises(ValueError, match=word):
        check_comparable(tiny_run)
