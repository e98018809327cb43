"""The run of each method, derived from the config of a JTLN run."""
from copy import deepcopy
from functools import reduce
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmjtln.costs import ImageCost, RandomCost, ShuffledCost
from mmjtln.datasets.build import build_domain
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import check_count, require
from mmjtln.export.stock_model import evaluate_target, single_domain
from mmjtln.registry import COSTS
from mmjtln.run_config import parts_of_type, pipeline_in

from .methods import Method, has_source_images


def source_config(cfg: Config, seed: int) -> Config:
    """Return the run of a stock classifier on the source, as long as cfg."""
    cfg = _seeded(cfg, seed)
    options = cfg.pop('comparison', {}).get('source', {})
    # Nothing of the target, not even its validation set, is seen here.
    single_domain(cfg, SOURCE)
    sampler = cfg.train_dataloader.batch_sampler
    if not isinstance(sampler.get('epoch', TARGET), int):
        sampler.epoch = _batches_per_epoch(cfg)
    _draw_alone(cfg, SOURCE)
    cfg.merge_from_dict(dict(options))
    return cfg


def method_config(cfg: Config, method: Method, options: dict, seed: int,
                  shots: int | None, source: Any) -> Config:
    """Return the run of a method with one of its variants of options."""
    cfg = _seeded(cfg, seed, shots)
    cfg.pop('comparison', None)
    if method.kind in ('target', 'consecutive'):
        if not has_source_images(cfg):
            cfg.load_from = None
        single_domain(cfg, TARGET)
        _draw_alone(cfg, TARGET)
    elif method.kind == 'source_free':
        cfg.model.lambda_s = 0.
        _drop_hooks(cfg, 'mmjtln.SourceWeightsHook')
        _draw_alone(cfg, TARGET)
        evaluate_target(cfg)
    elif method.kind == 'joint':
        cfg.model.ot_loss = None
    if method.cost is not None:
        _hook(cfg, 'mmjtln.CostMatrixHook').cost = _cost(
            cfg, method.cost, seed)
    if method.kind == 'consecutive':
        cfg.load_from = source['backbone']
    elif method.start == 'source':
        cfg.load_from = source['classifier']
        # This start does not know the `classes` of another checkpoint's head.
        cfg.custom_hooks = [hook for hook in cfg.custom_hooks
                            if hook.type != 'mmjtln.HeadInitHook'
                            or hook.get('classes') is None]
        _hook(cfg, 'mmjtln.StockCheckpointHook')
    hooks = deepcopy(method.hooks)
    for hook in hooks:
        if 'cost' in hook:
            hook['cost'] = _cost(cfg, hook['cost'], seed)
    _drop_hooks(cfg, *(hook['type'] for hook in hooks))
    cfg.custom_hooks += hooks
    if 'model.ot_loss' in options:  # For `_delete_` to have what it deletes.
        cfg.model.setdefault('ot_loss', {})
    cfg.merge_from_dict(deepcopy(options))
    if cfg.model.get('ot_loss', {}) is None:
        _drop_hooks(cfg, 'mmjtln.CostMatrixHook',
                    'mmjtln.PlanVisualizationHook')
    return cfg


#: What a config that is compared must say.
_NEEDED = {
    'model.type': 'mmjtln.JTLNClassifier',
    'train_dataloader.dataset.type': 'mmjtln.JointDataset',
    'train_dataloader.batch_sampler.type': 'mmjtln.JointSampler',
    'default_hooks.checkpoint.save_best': 'target/accuracy/top1',
}


def check_comparable(cfg: Config) -> None:
    """Refuse a config from which no comparison can be derived."""
    lacking = [
        f'{place}={value!r}' for place, value in _NEEDED.items() if value !=
        reduce(lambda part, name: (part or {}).get(name), place.split('.'),
               cfg)]
    lacking += [place for place in ('val_dataloader', 'test_dataloader')
                if not cfg.get(place)]
    if not lacking and not (has_source_images(cfg) or cfg.get('load_from')):
        lacking = ['load_from=... of a classifier of its ClassList']
    require(not lacking, 'A comparison starts from a JTLN run that chooses '
            'its checkpoint on a validation set and tests it',
            f'but this config lacks {"; ".join(lacking)}', 'Set it')


def check_shots(cfg: Config, shots: list[int | None]) -> None:
    """Refuse more images a class than there are; None is cfg's number."""
    for number in shots:
        if number is not None:
            check_count(number, 'shots', 'a comparison')
        # Whether a draw is possible does not depend on its seed.
        build_domain(
            TARGET, _seeded(cfg, 0, number).train_dataloader.dataset.target)


def _seeded(cfg: Config, seed: int, shots: int | None = None) -> Config:
    """Copy a config, with the seed and the shots of a run."""
    cfg = Config(deepcopy(cfg.to_dict()))
    cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)
    cfg.custom_hooks = cfg.get('custom_hooks') or []
    joint = cfg.train_dataloader.dataset
    few = next(parts_of_type(joint.target, 'FewShotDataset'), None)
    if few is None and shots is not None:
        joint.target = dict(type='mmjtln.FewShotDataset', dataset=joint.target)
        few = joint.target
    if few is not None:
        few.seed = seed
        few.shots = few.shots if shots is None else shots
    return cfg


def _draw_alone(cfg: Config, domain: str) -> None:
    """Draw as many images of a domain as before, and none of the other."""
    loader = cfg.train_dataloader
    sampler = loader.batch_sampler
    num_source = has_source_images(cfg) * round(
        loader.batch_size * sampler.get('source_share', 0.5))
    loader.batch_size = (num_source if domain == SOURCE else
                         loader.batch_size - num_source)
    sampler.source_share = float(domain == SOURCE)


def _cost(cfg: Config, cost: dict, seed: int) -> dict:
    """Give builders of cost matrices the seed and pipeline of the run."""
    cost = deepcopy(dict(cost))
    kind = COSTS.get(cost['type'])
    if issubclass(kind, (RandomCost, ShuffledCost)):
        cost['seed'] = seed
    if issubclass(kind, ShuffledCost):
        cost['cost'] = _cost(cfg, cost['cost'], seed)
    if issubclass(kind, ImageCost):
        cost.setdefault('pipeline', pipeline_in(cfg.test_dataloader.dataset))
    return cost


def _batches_per_epoch(cfg: Config) -> int:
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    loader = {key: cfg.train_dataloader[key] for key in (
        'dataset', 'batch_size', 'sampler', 'batch_sampler')}
    return len(Runner.build_dataloader(loader, seed=0))


def _hook(cfg: Config, kind: str) -> Any:
    """Return the config of a hook, which is added if there is none."""
    for hook in cfg.custom_hooks:
        if hook.type == kind:
            return hook
    cfg.custom_hooks += [dict(type=kind)]
    return cfg.custom_hooks[-1]


def _drop_hooks(cfg: Config, *kinds: str) -> None:
    cfg.custom_hooks = [
        hook for hook in cfg.custom_hooks if hook.type not in kinds]
