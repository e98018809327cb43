"""Each method's config differs from the JTLN config in what it should."""
from itertools import combinations

import pytest
from mmengine.config import Config

from mmjtln.comparison import DEFAULT_METHODS, Method, methods_of
from mmjtln.comparison.method_config import (
    check_comparable,
    method_config,
    source_config,
)
from mmjtln.comparison.methods import KINDS

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


@pytest.mark.parametrize('kind', ['target', 'consecutive'])
def test_stock_classifiers_have_no_hook_for_two_heads(tiny_run, kind):
    """Whatever the config compared has; those for any model stay."""
    text = dict(type='mmjtln.TextCost')
    tiny_run.custom_hooks += [
        dict(type='mmjtln.HeadInitHook', cost=text),
        dict(type='mmjtln.SourceWeightsHook', cost=text),
        dict(type='mmjtln.LPFTHook')]
    assert hooks(derive(tiny_run, kind=kind)) == ['mmjtln.LPFTHook']
    free = hooks(derive(tiny_run, kind='source_free'))
    assert 'mmjtln.HeadInitHook' in free
    assert 'mmjtln.SourceWeightsHook' not in free


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


def test_a_start_at_the_source_is_not_that_of_the_config(tiny_run):
    """Whose heads may begin at a checkpoint of other classes.

    Heads that begin at the source head do so from any start.
    """
    begun = dict(type='mmjtln.HeadInitHook',
                 cost=dict(type='mmjtln.TextCost'))
    tiny_run.custom_hooks.append(begun)
    assert begun['type'] in hooks(
        derive(tiny_run, kind='joint', start='source'))
    begun['classes'] = 'imagenet'
    assert hooks(derive(tiny_run, kind='joint'))[-1] == begun['type']
    assert begun['type'] not in hooks(
        derive(tiny_run, kind='joint', start='source'))
    added = derive(tiny_run, kind='joint', start='source', hooks=[
        dict(type='mmjtln.HeadInitHook', carrier='plan')])
    assert added.custom_hooks[-1].carrier == 'plan'


def test_source_free_is_two_heads_on_the_images_of_consecutive(tiny_run):
    """As many target images a step, none of the source, no source loss."""
    alone = derive(tiny_run, kind='consecutive')
    cfg = derive(tiny_run, kind='source_free', start='source')
    assert cfg.model.type == 'mmjtln.JTLNClassifier'
    assert cfg.model.lambda_s == 0. and cfg.load_from == 'classifier.pth'
    for part in ('train_dataloader', 'val_dataloader', 'val_evaluator'):
        assert cfg[part] == alone[part], part
    assert hooks(cfg) == [*hooks(tiny_run), 'mmjtln.StockCheckpointHook']


def test_hooks_of_a_method_are_added(tiny_run):
    """To a stock classifier's, too, and each run has its own."""
    added = [dict(type='mmjtln.LPFTHook', share=0.3)]
    for kind in ('consecutive', 'joint'):
        cfg = derive(tiny_run, kind=kind, hooks=added)
        assert cfg.custom_hooks[-1] == added[0]
    cfg.custom_hooks[-1].share = 1.
    assert added[0]['share'] == 0.3
    # One of the config's type is in its place, not beside it.
    again = derive(cfg, kind='joint', hooks=added)
    assert hooks(again) == hooks(cfg) and again.custom_hooks[-1].share == 0.3


def test_without_an_ot_loss_there_is_no_cost_matrix(tiny_run):
    options = {'model.ot_loss': None, 'model.type': 'mmjtln.LwFClassifier'}
    cfg = derive(tiny_run, kind='source_free', start='source',
                 options=options)
    assert hooks(cfg) == [
        'mmjtln.ClassCheckHook', 'mmjtln.StockCheckpointHook']


@pytest.mark.parametrize('ot_loss', [None, dict(reg=0.05, tol=1e-3)])
def test_default_co_tuning_is_in_the_place_of_the_ot_loss(tiny_run, ot_loss):
    """With nothing of its options, and the images as they are tested."""
    if ot_loss is not None:
        tiny_run.model.ot_loss = ot_loss
    method, = methods_of(Config(tiny_run.to_dict()), ['co_tuning'])
    for _ in range(2):  # Deriving a run leaves the method as it is.
        cfg = method_config(
            tiny_run, method, method.variants()[0], 3, None, SOURCE)
    assert cfg.model.ot_loss == dict(type='mmjtln.CoTuningLoss')
    assert cfg.model.lambda_ot == 2.3 and cfg.model.own_marginal == 'label'
    assert cfg.custom_hooks[1].cost.pipeline == (
        tiny_run.test_dataloader.dataset.pipeline)


def test_default_l2_sp_decays_the_new_head_less(tiny_run):
    method, = methods_of(tiny_run, ['l2_sp'])
    cfg = method_config(
        tiny_run, method, method.variants()[0], 3, None, SOURCE)
    assert cfg.load_from == 'backbone.pth'
    assert cfg.optim_wrapper.optimizer.weight_decay == 0.1
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys == {
        'head.': dict(decay_mult=0.1)}


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
    for kind in KINDS:
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


@pytest.mark.parametrize('ot_loss', [None, {}])
@pytest.mark.parametrize('begun', [[], [dict(
    type='mmjtln.HeadInitHook', cost=dict(type='mmjtln.TextCost'))]])
def test_default_methods_are_those_that_differ(tiny_run, ot_loss, begun):
    """Without an OT term, or a head's start, some would be others again."""
    tiny_run.model.ot_loss = ot_loss
    tiny_run.custom_hooks += begun
    methods = methods_of(tiny_run)
    assert {method.name for method in methods} == DEFAULT_METHODS.keys() - (
        {'jtln', 'jtln_random'} if ot_loss is None else set()) - (
        set() if begun else {'source_free', 'source_free_lp_ft'}) | (
        {'shuffled'} if begun else set())
    runs = [method_config(tiny_run, method, method.options, 3, None,
                          SOURCE).to_dict() for method in methods]
    assert all(one != other for one, other in combinations(runs, 2))
    if begun:
        found = runs[-1]['custom_hooks'][-1]
        assert found['cost'] == dict(
            type='mmjtln.ShuffledCost', seed=3, cost=begun[0]['cost'])
        assert hooks(Config(runs[-1])).count(found['type']) == 1
        tiny_run.custom_hooks += [dict(type='mmjtln.LPFTHook')]
        assert 'source_free_lp_ft' not in [
            method.name for method in methods_of(tiny_run)]


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
