"""The methods that a comparison sets side by side, as configs of runs."""
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmjtln.domains import SOURCE, TARGET
from mmjtln.export.stock_model import stock_classifier

KINDS = ('target', 'consecutive', 'joint', 'jtln')
STARTS = ('config', 'source')
#: Compared where a config has no ``comparison`` of its own.
DEFAULT_METHODS = {
    'target_only': dict(kind='target'),
    'consecutive': dict(kind='consecutive'),
    'joint': dict(kind='joint'),
    'jtln': dict(kind='jtln'),
    'jtln_random': dict(kind='jtln', cost=dict(type='mmjtln.RandomCost')),
}


@dataclass(frozen=True)
class Method:
    """What differs between one method and the config compared.

    Args:
        name (str): Its name in tables and of its folder.
        kind (str): ``'target'``: the target alone, from the config's start.
            ``'consecutive'``: the target alone, from a network trained on the
            source. ``'joint'``: both, without the OT term. ``'jtln'``: the
            config.
        start (str): For joint and jtln: ``'config'``, the weights that the
            config starts from, or ``'source'``, those that consecutive
            training starts from, source head included.
            Defaults to 'config'.
        cost (dict, optional): For jtln: the builder of the cost matrix, in
            place of the config's. Defaults to None.
        options (dict): Config options to change, keys with dots.
        grid (dict): Likewise, a list of values each; the best combination on
            the validation set is chosen, see :class:`Study`.

    Raises:
        ValueError: If a choice is unknown or does not fit the kind.
    """

    name: str
    kind: str
    start: str = 'config'
    cost: dict | None = None
    options: dict = field(default_factory=dict)
    grid: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f'Mend `comparison.methods.{self.name}` in the config.'
        if self.kind not in KINDS or self.start not in STARTS:
            raise ValueError(
                f'A method is of a kind in {KINDS} and starts from one of '
                f'{STARTS}, got kind={self.kind!r}, start={self.start!r}. '
                + where)
        if self.cost is not None and self.kind != 'jtln':
            raise ValueError('Only a method of kind jtln has a cost matrix, '
                             f'got kind={self.kind!r} and a cost. ' + where)
        if self.kind == 'target' and self.start == 'source':
            raise ValueError('Training on the target from a network trained '
                             "on the source is kind='consecutive'. " + where)

    @property
    def needs_source(self) -> bool:
        """bool: Whether a network must be trained on the source first."""
        return self.kind == 'consecutive' or self.start == 'source'

    def variants(self) -> list[dict]:
        """Return the options of each point of the grid; one without a grid."""
        return [{**self.options, **dict(zip(self.grid, values, strict=True))}
                for values in product(*self.grid.values())]


def methods_of(cfg: Config, names: list[str] | None = None) -> list[Method]:
    """Read the methods that a config compares.

    Args:
        cfg (Config): With ``comparison=dict(methods=dict(name=dict(...)))``,
            or without: then :data:`DEFAULT_METHODS`.
        names (list[str], optional): Those wanted, in this order.
            Defaults to None, all.

    Raises:
        ValueError: If a name is unknown.
    """
    known = cfg.get('comparison', {}).get('methods', DEFAULT_METHODS)
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f'--methods takes names out of {list(known)}, '
                         f'got {unknown}.')
    return [Method(name, **deepcopy(dict(known[name])))
            for name in names or known]


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
        _single_domain(cfg, TARGET)
    elif method.kind == 'joint':
        cfg.model.ot_loss = None
        _drop_hooks(cfg, 'mmjtln.CostMatrixHook',
                    'mmjtln.PlanVisualizationHook')
    elif method.cost is not None:
        cost = deepcopy(dict(method.cost))
        if cost['type'] == 'mmjtln.RandomCost':
            cost['seed'] = seed
        _hook(cfg, 'mmjtln.CostMatrixHook').cost = cost
    if method.kind == 'consecutive':
        cfg.load_from = source['backbone']
    elif method.start == 'source':
        cfg.load_from = source['classifier']
        _hook(cfg, 'mmjtln.StockCheckpointHook')
    cfg.merge_from_dict(dict(options))
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
    if lacking:
        raise ValueError(
            'A comparison starts from the config of a JTLN run that chooses '
            'its checkpoint on a validation set and tests it; this one lacks '
            f'{"; ".join(lacking)}.')


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
        few.shots = shots or few.shots
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

    loader = cfg.train_dataloader
    sampler = loader.batch_sampler
    num_source = round(loader.batch_size * sampler.get('source_share', 0.5))
    if domain == SOURCE:
        if not isinstance(sampler.get('epoch', TARGET), int):
            sampler.epoch = _batches_per_epoch(cfg)
        loader.batch_size, sampler.source_share = num_source, 1.
    else:
        loader.batch_size -= num_source
        sampler.source_share = 0.

    if domain == SOURCE:
        # Nothing of the target, not even its validation set, is seen here.
        for split in ('val', 'test'):
            for part in ('dataloader', 'evaluator', 'cfg'):
                cfg[f'{split}_{part}'] = None
        cfg.default_hooks.checkpoint.save_best = None
        return
    for split in ('val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        if dataset.type == 'mmjtln.JointDataset':
            cfg[f'{split}_dataloader'].dataset = dataset.target
        evaluators = cfg[f'{split}_evaluator']
        if isinstance(evaluators, list):
            cfg[f'{split}_evaluator'] = [
                e for e in evaluators if e.get('domain', TARGET) == TARGET]


#: Hooks that serve a model with two heads only.
_JTLN_HOOKS = ('mmjtln.ClassCheckHook', 'mmjtln.CostMatrixHook',
               'mmjtln.StockCheckpointHook', 'mmjtln.PlanVisualizationHook')


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


def _find(cfg, kind: str):
    """Find the first config of a type, wrappers looked through."""
    if not isinstance(cfg, dict):
        return None
    if cfg.get('type') == kind:
        return cfg
    return next((found for value in cfg.values()
                 if (found := _find(value, kind)) is not None), None)
