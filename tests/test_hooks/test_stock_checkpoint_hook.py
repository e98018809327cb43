"""StockCheckpointHook: a stock head goes where its classes are, or nowhere."""
import copy

import pytest
import torch
from mmengine.runner import Runner
from mmpretrain.datasets.categories import MNIST_CATEGORITES
from mmpretrain.registry import MODELS

from mmjtln.datasets import UCIDigits
from mmjtln.run_config import parts_of

SOURCE_NAMES = list(MNIST_CATEGORITES)
TARGET_NAMES = list(UCIDigits.METAINFO['classes'])


@pytest.fixture(autouse=True)
def _no_step(monkeypatch):
    """Stop at the first training step: only loading is looked at."""
    from mmjtln.models import JTLNClassifier

    def stop(*_, **__):
        raise StopIteration

    monkeypatch.setattr(JTLNClassifier, 'train_step', stop)


def stock(cfg, num_classes=10, **changes):
    """Return the state dict of a stock classifier."""
    model = copy.deepcopy(dict(cfg.model), {})
    model.pop('source_head')
    model.update(type='ImageClassifier', **changes)
    model['head'] = dict(model['head'], num_classes=num_classes)
    torch.manual_seed(5)
    return MODELS.build(model).state_dict()


def load(cfg, tmp_path, checkpoint, caplog=None):
    """Run up to the first step from a checkpoint; return model and log."""
    path = tmp_path / 'stock.pth'
    torch.save(checkpoint, path)
    cfg.load_from = str(path)
    cfg.log_level = 'INFO'
    cfg.model.ot_loss = None
    cfg.custom_hooks = [
        dict(type='mmjtln.ClassCheckHook'),
        dict(type='mmjtln.StockCheckpointHook')
    ]
    runner = Runner.from_cfg(cfg)
    lines = []
    info = runner.logger.info
    runner.logger.info = lambda line, *a, **k: (lines.append(str(line)),
                                                info(line, *a, **k))
    with pytest.raises(StopIteration):
        runner.train()
    said = [line for line in lines if line.startswith('Stock checkpoint')]
    return runner.model, said


def loaded_heads(model, state) -> list[str]:
    """Name the heads that hold the checkpoint's values; check the rest."""
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(value, state[f'backbone.{key}']), key
    heads = []
    for name in ('head', 'source_head'):
        own = getattr(model, name).state_dict()
        same = [
            own[key].shape == state[f'head.{key}'].shape
            and torch.equal(own[key], state[f'head.{key}']) for key in own
        ]
        assert all(same) or not all(same[:1]), 'a head is loaded in part'
        heads += [name] if all(same) else []
    return heads


def test_names_of_the_source(tiny_run, tmp_path):
    """A head over the source's names becomes the source head."""
    state = stock(tiny_run)
    meta = dict(dataset_meta=dict(classes=SOURCE_NAMES))
    model, said = load(tiny_run, tmp_path,
                       dict(state_dict=copy.copy(state), meta=meta))
    assert loaded_heads(model, state) == ['source_head']
    assert said == ['Stock checkpoint: its head initialises `source_head` '
                    '(same class names).']


def test_names_of_the_target(tiny_run, tmp_path):
    """A head over the target's names becomes the target head."""
    state = stock(tiny_run)
    model, said = load(
        tiny_run, tmp_path,
        dict(state_dict=copy.copy(state), meta=dict(CLASSES=TARGET_NAMES)))
    assert loaded_heads(model, state) == ['head']
    assert 'initialises `head`' in said[0]


@pytest.mark.parametrize('names, reason', [
    ([f'c{i}' for i in range(10)], 'neither'),
    (SOURCE_NAMES[::-1], 'source data in another order'),
    (None, 'fit both domains'),
])
def test_left_out(tiny_run, tmp_path, names, reason):
    """Other names, another order, or no names and equal counts: no head."""
    state = stock(tiny_run)
    meta = dict(dataset_meta=dict(classes=names)) if names else {}
    model, said = load(tiny_run, tmp_path,
                       dict(state_dict=copy.copy(state), meta=meta))
    assert loaded_heads(model, state) == []
    assert 'left out' in said[0] and reason in said[0]


def test_bare_state_dict_of_other_classes(tiny_run, tmp_path):
    """A bare state dict, wrapped by DDP, of 1000 classes."""
    state = stock(tiny_run, num_classes=1000)
    model, said = load(tiny_run, tmp_path,
                       {f'module.{k}': v for k, v in state.items()})
    assert loaded_heads(model, state) == []
    assert 'other shapes' in said[0]


def test_counts_that_fit_one_domain(tiny_run, tmp_path):
    """Without names, a count that only one domain has decides."""
    few = dict(
        type='mmjtln.ClassSubset',
        classes=SOURCE_NAMES[:3],
        dataset=tiny_run.train_dataloader.dataset.source)
    tiny_run.train_dataloader.dataset.source = few
    tiny_run.model.source_head.num_classes = 3
    tiny_run.val_dataloader = tiny_run.val_cfg = None
    tiny_run.val_evaluator = None
    tiny_run.default_hooks = {}
    state = stock(tiny_run, num_classes=3)
    model, said = load(tiny_run, tmp_path, copy.copy(state))
    assert loaded_heads(model, state) == ['source_head']
    assert 'names no classes' in said[0]


def test_other_kind_of_head(tiny_run, tmp_path):
    """Layers of other names are no head of ours."""
    state = stock(tiny_run)
    state = {key.replace('head.fc', 'head.layers.head'): value
             for key, value in state.items()}
    _, said = load(tiny_run, tmp_path, state)
    assert 'another kind of head' in said[0]


def test_checkpoint_with_both_heads_is_left_alone(tiny_run, tmp_path):
    """A JTLN checkpoint loads as ever."""
    state = MODELS.build(tiny_run.model).state_dict()
    state = {k: v for k, v in state.items() if not k.startswith('ot_loss')}
    model, said = load(tiny_run, tmp_path, dict(state_dict=state, meta={}))
    assert said == []
    assert torch.equal(model.source_head.fc.weight,
                       state['source_head.fc.weight'])


@pytest.mark.parametrize('rename', [
    lambda key: key.removeprefix('backbone.'), lambda key: f'other.{key}'])
def test_other_network(tiny_run, tmp_path, rename):
    """A file of torchvision's or of another network is an error."""
    state = {rename(key): value for key, value in stock(tiny_run).items()}
    with pytest.raises(ValueError, match='model_converters'):
        load(tiny_run, tmp_path, state)


def test_classifier_inside_the_backbone(tiny_run, tmp_path):
    """The last layer of a backbone that classifies is the stock head."""
    tiny_run.model.backbone = dict(type='LeNet5', num_classes=10)
    tiny_run.model.neck = None
    tiny_run.model.head = dict(type='ClsHead', num_classes=10)
    tiny_run.data_preprocessor = dict(mean=[127.5], std=[127.5])
    for part in parts_of(tiny_run._cfg_dict):
        if 'pipeline' in part:
            part['pipeline'].insert(0, dict(
                type='RandomGrayscale', prob=1., keep_channels=False))
    model = dict(
        type='ImageClassifier',
        backbone=dict(type='LeNet5', num_classes=10),
        head=dict(type='ClsHead'))
    state = MODELS.build(model).state_dict()
    model, said = load(
        tiny_run, tmp_path,
        dict(
            state_dict=copy.copy(state),
            meta=dict(dataset_meta=dict(classes=SOURCE_NAMES))))
    assert torch.equal(model.source_head.fc.weight,
                       state['backbone.classifier.2.weight'])
    assert 'initialises `source_head`' in said[0]


def test_in_a_test_a_head_is_needed(tiny_run, tmp_path):
    """A head of other classes, or in another order, is not left out."""
    for names, message in ((TARGET_NAMES[::-1], 'in another order'),
                           (SOURCE_NAMES, 'does not fit the target')):
        torch.save(
            dict(state_dict=stock(tiny_run),
                 meta=dict(dataset_meta=dict(classes=names))),
            tmp_path / 'stock.pth')
        tiny_run.load_from = str(tmp_path / 'stock.pth')
        tiny_run.custom_hooks = [
            dict(type='mmjtln.ClassCheckHook'),
            dict(type='mmjtln.StockCheckpointHook')]
        with pytest.raises(ValueError, match=message):
            Runner.from_cfg(tiny_run).test()


def test_without_the_hook_another_order_is_refused(tiny_run, tmp_path):
    """MMEngine would load it into the target head as it is."""
    torch.save(
        dict(state_dict=stock(tiny_run),
             meta=dict(dataset_meta=dict(classes=TARGET_NAMES[::-1]))),
        tmp_path / 'stock.pth')
    tiny_run.load_from = str(tmp_path / 'stock.pth')
    with pytest.raises(ValueError, match='order differs.*StockCheckpointHook'):
        Runner.from_cfg(tiny_run).train()


def test_missing_weights(tiny_run, tmp_path):
    """A test of half a checkpoint is refused, and resuming it, too."""
    runner = Runner.from_cfg(tiny_run)
    state = runner.model.state_dict()
    half = dict(list(state.items())[::2])
    torch.save(dict(state_dict=half, meta={}), tmp_path / 'half.pth')
    tiny_run.load_from = str(tmp_path / 'half.pth')
    with pytest.raises(ValueError, match='needs all weights.*missing'):
        Runner.from_cfg(tiny_run).test()
    tiny_run.resume = True
    with pytest.raises(ValueError, match='needs all weights.*missing'):
        Runner.from_cfg(tiny_run).train()
