"""The run of each method, derived from the config of a JTLN run."""
from copy import deepcopy

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmjtln.costs import (
    CompositeCost,
    ImageCost,
    RandomCost,
    ShuffledCost,
)
from mmjtln.datasets.build import build_domain
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import check_count
from mmjtln.export.stock_model import stock_classifier
from mmjtln.registry import COSTS

from .methods import Method, has_source_images


def source_config(cfg: Config, seed: int) -> Config:
    """Return the run that trains a stock classifier on the source alone.

    It takes as many steps as the config, with as many source images a step,
    but for the options in ``comparison.source``.
    """
    cfg = _seeded(cfg, seed)
    options = cfg.pop('comparison', {}).get('source', {})
    _single_domain(cfg, SOURCE)
    cfg.merge_from_dict(dict(options))
    return cfg


def method_config(cfg: Config, method: Method, options: dict, seed: int,
                  shots: int | None, source: dict | None) -> Config:
    """Return the run of a method.

    Args:
        cfg (Config): The JTLN config compared.
        method (Method): The method.
        options (dict): One of its :meth:`Method.variants`.
        seed (int): Seed of the weights, of the order and of the few images.
        shots (int, optional): Target images a class. Defaults to None, the
            config's.
        source (dict, optional): Checkpoints of the network trained on the
            source: ``classifier``, and ``backbone`` without its head.

    Returns:
        Config: A config of its own.
    """
    cfg = _seeded(cfg, seed, shots)
    cfg.pop('comparison', None)
    if method.kind in ('target', 'consecutive'):
        if not has_source_images(cfg):
            cfg.load_from = None
        _single_domain(cfg, TARGET)
    elif method.kind == 'source_free':
        cfg.model.lambda_s = 0.
        _drop_hooks(cfg, 'mmjtln.SourceWeightsHook')
        _load_target_alone(cfg)
    elif method.kind == 'joint':
        cfg.model.ot_loss = None
    if method.cost is not None:
        _hook(cfg, 'mmjtln.CostMatrixHook').cost = _cost(
            cfg, method.cost, seed)
    if method.kind == 'consecutive':
        cfg.load_from = source['backbone']
    elif method.start == 'source':
        cfg.load_from = source['classifier']
        _hook(cfg, 'mmjtln.StockCheckpointHook')
    hooks = deepcopy(method.hooks)
    for hook in hooks:
        if 'cost' in hook:
            hook['cost'] = _cost(cfg, hook['cost'], seed)
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), *hooks]
    if 'model.ot_loss' in options:  # For `_delete_` to have what it deletes.
        cfg.model.setdefault('ot_loss', {})
    cfg.merge_from_dict(deepcopy(options))
    if cfg.model.get('ot_loss', {}) is None:
        _drop_hooks(cfg, 'mmjtln.CostMatrixHook',
                    'mmjtln.PlanVisualizationHook')
    return cfg


def check_comparable(cfg: Config) -> None:
    """Refuse a config from which no comparison can be derived.

    Raises:
        ValueError: Saying what it lacks.
    """
    lacking = [
        name for name, has in (
            ("model.type='mmjtln.JTLNClassifier'",
             cfg.get('model', {}).get('type') == 'mmjtln.JTLNClassifier'),
            ("train_dataloader.dataset.type='mmjtln.JointDataset'",
             cfg.get('train_dataloader', {}).get('dataset', {}).get('type')
             == 'mmjtln.JointDataset'),
            ("train_dataloader.batch_sampler.type='mmjtln.JointSampler'",
             (cfg.get('train_dataloader', {}).get('batch_sampler') or {}).get(
                 'type')
             == 'mmjtln.JointSampler'),
            ('val_dataloader', cfg.get('val_dataloader')),
            ('test_dataloader', cfg.get('test_dataloader')),
            ("default_hooks.checkpoint.save_best='target/accuracy/top1'",
             cfg.get('default_hooks', {}).get('checkpoint', {}).get(
                 'save_best') == 'target/accuracy/top1'),
        ) if not has
    ]
    if not lacking and not has_source_images(cfg) and not cfg.get(
            'load_from'):
        lacking = ['load_from, a checkpoint of a classifier of the classes '
                   'of its ClassList']
    if lacking:
        raise ValueError(
            'A comparison starts from the config of a JTLN run that chooses '
            'its checkpoint on a validation set and tests it; this one lacks '
            f'{"; ".join(lacking)}.')


def check_shots(cfg: Config, shots: list[int | None]) -> None:
    """Refuse a number of target images a class that a run could not draw.

    Args:
        cfg (Config): The JTLN config compared.
        shots (list[int | None]): Numbers of images; None is the config's own.

    Raises:
        ValueError: If one is less than 1, or a class has fewer images.
    """
    for number in shots:
        if number is not None:
            check_count(number, 'shots', 'a comparison')
        # Whether a draw is possible does not depend on its seed.
        build_domain(
            TARGET, _seeded(cfg, 0, number).train_dataloader.dataset.target)


def _seeded(cfg: Config, seed: int, shots: int | None = None) -> Config:
    cfg = Config(deepcopy(cfg.to_dict()))
    randomness = dict(cfg.get('randomness') or {})
    cfg.randomness = dict(randomness, seed=seed)
    joint = cfg.train_dataloader.dataset
    few = _find(joint.target, 'mmjtln.FewShotDataset')
    if few is None and shots is not None:
        few = dict(type='mmjtln.FewShotDataset', dataset=joint.target)
        joint.target = few
        few = joint.target
    if few is not None:
        few.seed = seed
        few.shots = few.shots if shots is None else shots
    return cfg


def _single_domain(cfg: Config, domain: str) -> None:
    """Turn a JTLN config into a stock classifier's on one domain."""
    cfg.model = stock_classifier(cfg.model, domain)
    preprocessor = cfg.get('data_preprocessor')
    if preprocessor is not None:
        if preprocessor.get('type') == 'mmjtln.JointDataPreprocessor':
            preprocessor.type = 'ClsDataPreprocessor'
        preprocessor.pop('num_source_classes', None)
        preprocessor.num_classes = cfg.model['head']['num_classes']
    hooks = [hook.type for hook in cfg.get('custom_hooks') or []]
    _drop_hooks(cfg, *(kind for kind in hooks if kind in _JTLN_HOOKS))

    if domain == TARGET:
        _load_target_alone(cfg)
        return
    sampler = cfg.train_dataloader.batch_sampler
    if not isinstance(sampler.get('epoch', TARGET), int):
        sampler.epoch = _batches_per_epoch(cfg)
    _draw_alone(cfg, SOURCE)
    # Nothing of the target, not even its validation set, is seen here.
    for split in ('val', 'test'):
        for part in ('dataloader', 'evaluator', 'cfg'):
            cfg[f'{split}_{part}'] = None
    cfg.default_hooks.checkpoint.save_best = None


def _draw_alone(cfg: Config, domain: str) -> None:
    """Draw as many images of a domain as before, and none of the other."""
    loader = cfg.train_dataloader
    sampler = loader.batch_sampler
    num_source = has_source_images(cfg) * round(
        loader.batch_size * sampler.get('source_share', 0.5))
    loader.batch_size = (num_source if domain == SOURCE else
                         loader.batch_size - num_source)
    sampler.source_share = float(domain == SOURCE)


def _load_target_alone(cfg: Config) -> None:
    """Leave the source's images out of training, validation and test."""
    _draw_alone(cfg, TARGET)
    for split in ('val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        if dataset.type == 'mmjtln.JointDataset':
            cfg[f'{split}_dataloader'].dataset = dataset.target
        evaluators = cfg[f'{split}_evaluator']
        if isinstance(evaluators, list):
            cfg[f'{split}_evaluator'] = [
                e for e in evaluators if e.get('domain', TARGET) == TARGET]


def _cost(cfg: Config, cost: dict, seed: int) -> dict:
    """Complete the config of a builder of cost matrices."""
    cost = deepcopy(dict(cost))
    kind = COSTS.get(cost['type'])
    if issubclass(kind, (RandomCost, ShuffledCost)):
        cost['seed'] = seed
    if issubclass(kind, ShuffledCost):
        cost['cost'] = _cost(cfg, cost['cost'], seed)
    if issubclass(kind, CompositeCost):
        cost['costs'] = [_cost(cfg, part, seed) for part in cost['costs']]
    if issubclass(kind, ImageCost):
        dataset = cfg.test_dataloader.dataset
        while 'pipeline' not in dataset:
            dataset = dataset.get('dataset') or dataset.target
        cost.setdefault('pipeline', dataset.pipeline)
    return cost


#: Hooks that serve a model with two heads only.
_JTLN_HOOKS = ('mmjtln.ClassCheckHook', 'mmjtln.CostMatrixHook',
               'mmjtln.StockCheckpointHook', 'mmjtln.PlanVisualizationHook',
               'mmjtln.TransportedHeadHook', 'mmjtln.SourceWeightsHook')


def _batches_per_epoch(cfg: Config) -> int:
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    loader = {key: cfg.train_dataloader[key] for key in (
        'dataset', 'batch_size', 'sampler', 'batch_sampler')}
    return len(Runner.build_dataloader(loader, seed=0))


def _hook(cfg: Config, kind: str) -> dict:
    """Return the config of a hook, which is added if there is none."""
    found = [hook for hook in cfg.get('custom_hooks') or []
             if hook.type == kind]
    if not found:
        cfg.custom_hooks = [
            *(cfg.get('custom_hooks') or []), dict(type=kind)]
    return found[0] if found else cfg.custom_hooks[-1]


def _drop_hooks(cfg: Config, *kinds: str) -> None:
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks') or []
        if hook.type not in kinds]


def _find(cfg: object, kind: str) -> dict | None:
    """Find the first config of a type, wrappers looked through."""
    if not isinstance(cfg, dict):
        return None
    if cfg.get('type') == kind:
        return cfg
    return next((found for value in cfg.values()
                 if (found := _find(value, kind)) is not None), None)
