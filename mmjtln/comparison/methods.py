"""The methods that a comparison sets side by side."""
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from mmengine.config import Config

from mmjtln.errors import check_choice, require

KINDS = ('target', 'consecutive', 'source_free', 'joint', 'jtln')
STARTS = ('config', 'source')
#: What a network trained on the source takes the target's classes for.
CATEGORY_RELATIONSHIP = dict(
    type='mmjtln.ConfusionCost', double_centre=False, scale=False)
#: Compared where a config has no ``comparison`` of its own.
DEFAULT_METHODS: dict[str, Any] = {
    'target_only': dict(kind='target'),
    'consecutive': dict(kind='consecutive'),
    # The peers: see mmjtln/peers/README.md.
    'l2_sp': dict(
        kind='consecutive',
        hooks=[dict(type='mmjtln.L2SPHook')],
        options={
            'optim_wrapper.optimizer.weight_decay': 0.1,
            'optim_wrapper.paramwise_cfg.custom_keys': {
                'head.': dict(decay_mult=0.1)}}),
    'lp_ft': dict(
        kind='consecutive', hooks=[dict(type='mmjtln.LPFTHook')]),
    'co_tuning': dict(
        kind='source_free',
        start='source',
        cost=CATEGORY_RELATIONSHIP,
        options={
            'model.ot_loss': dict(type='mmjtln.CoTuningLoss', _delete_=True),
            'model.own_marginal': 'label',
            'model.lambda_ot': 2.3}),
    'joint': dict(kind='joint'),
    # From the config's start, but without the source images.
    'source_free': dict(
        kind='source_free', options={'model.ot_loss': None}),
    'source_free_lp_ft': dict(
        kind='source_free', hooks=[dict(type='mmjtln.LPFTHook')],
        options={'model.ot_loss': None}),
    'jtln': dict(kind='jtln'),
    'jtln_random': dict(kind='jtln', cost=dict(type='mmjtln.RandomCost')),
}


@dataclass(frozen=True)
class Method:
    """What differs between one method and the config compared.

    Args:
        name (str): Its name in tables and of its folder.
        kind (str): ``'target'``: the target alone, from the config's start.
            ``'consecutive'``: it, from a network trained on the source.
            ``'source_free'``: two heads, without source images. ``'joint'``:
            the config without the OT term. ``'jtln'``: the config.
        start (str): Of two heads: ``'config'``, or ``'source'``, a classifier
            trained on the source. Defaults to 'config'.
        cost (dict, optional): Builder of the cost matrix, in place of the
            config's. Without a ``pipeline`` it gets that of the test images.
        hooks (list[dict]): Hooks to add, in place of the config's of the same
            type; a ``cost`` is completed likewise.
        options (dict): Config options to change, keys with dots.
        grid (dict): Likewise, a list of values each to choose from.
    """

    name: str
    kind: str
    start: str = 'config'
    cost: dict | None = None
    hooks: list = field(default_factory=list)
    options: dict = field(default_factory=dict)
    grid: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f'`comparison.methods.{self.name}`'
        check_choice(self.kind, 'kind', where, KINDS)
        check_choice(self.start, 'start', where, STARTS)
        require(self.cost is None or self.kind in ('source_free', 'jtln'),
                'Only a method of kind jtln or source_free has a cost matrix',
                f'but {where} is of kind {self.kind} and has a cost',
                'Change one of the two')
        require(self.kind != 'target' or self.start != 'source', 'A method of '
                'kind target starts from the config', f'but {where} starts '
                'from the source', "Set kind='consecutive', which does")

    @property
    def needs_source(self) -> bool:
        """bool: Whether a network must be trained on the source first."""
        return self.kind == 'consecutive' or self.start == 'source'

    def variants(self) -> list[dict]:
        """Return the options of each point of the grid; one without a grid."""
        return [{**self.options, **dict(zip(self.grid, values, strict=True))}
                for values in product(*self.grid.values())]


def methods_of(cfg: Config, names: list[str] | None = None) -> list[Method]:
    """Read a config's methods, or the default ones that differ with it."""
    known = cfg.get('comparison', {}).get('methods')
    if known is None:
        has_ot = cfg.get('model', {}).get('ot_loss', {}) is not None
        hooks = cfg.get('custom_hooks') or []
        begun = [hook for hook in hooks if hook.type == 'mmjtln.HeadInitHook']
        sensible = dict(joint=has_source_images(cfg), jtln=has_ot,
                        jtln_random=has_ot, source_free=bool(begun),
                        source_free_lp_ft=bool(begun) and dict(
                            type='mmjtln.LPFTHook') not in hooks)
        known = {name: method for name, method in DEFAULT_METHODS.items()
                 if sensible.get(name, True)}
        for hook in begun:
            if cost := hook.get('cost'):
                known['shuffled'] = dict(kind='jtln', hooks=[dict(
                    hook, cost=dict(type='mmjtln.ShuffledCost', cost=cost))])
    unknown = [name for name in names or () if name not in known]
    require(not unknown, '--methods takes names of methods of the config',
            f'got {unknown}', f'Choose from {list(known)}')
    return [Method(name, **deepcopy(dict(known[name])))
            for name in names or known]


def has_source_images(cfg: Config) -> bool:
    """Whether there are images of the source, or ``load_from`` knows it."""
    dataset = cfg.get('train_dataloader', {}).get('dataset', {})
    sources = dataset.get('source') or {}
    return any(source.get('type') != 'mmjtln.ClassList' for source in (
        sources if isinstance(sources, list) else [sources]))
