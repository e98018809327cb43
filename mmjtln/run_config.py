"""Configs of runs: read, looked into, completed."""
import inspect
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import mmpretrain.registry as host
from mmengine.config import Config, DictAction
from mmengine.registry import Registry
from mmengine.registry import root as mmengine_root
from mmengine.runner import Runner, find_latest_checkpoint
from mmengine.utils import get_object_from_string
from mmpretrain.apis import ModelHub, list_models

import mmjtln.registry as own
from mmjtln.datasets.build import build_dataset
from mmjtln.datasets.class_lists import (
    CHECKPOINT,
    checkpoint_meta,
    domain_classes,
)
from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.errors import refusal, require
from mmjtln.hosts import recipe


def read_config(config: str | Path | Config,
                options: Mapping | None = None) -> Config:
    """Read the config of a run, its types by their registered names.

    It is a config, which is not changed, its file, or one of MMPretrain's
    models; ``options`` are what a command line changes, by dotted names.
    """
    if not isinstance(config, Config):
        if Path(config).is_file():
            file, config = str(config), Config.fromfile(config)
            for base in _bases(file):
                if _OURS in Path(base).resolve().parents:
                    _check_variables(Config.fromfile(base), config)
        else:
            list_models()  # Before that the hub knows none.
            require(ModelHub.has(str(config)), 'A config must be a file or '
                    'the name of a model of MMPretrain', f'but {config} is '
                    'neither', 'Give one of mmpretrain.list_models(), or '
                    'correct the path', FileNotFoundError)
            config = ModelHub.get(str(config)).config
    config = with_registered_names(config)
    _check_variables(config, options or {})
    config.merge_from_dict(dict(options or {}))
    return config


#: What MMEngine reads of a config; the rest are variables of its file.
READ = frozenset(inspect.signature(Runner.__init__).parameters) | {
    'activation_checkpointing', 'compile', 'efficient_conv_bn_eval',
    'find_unused_parameters', 'model_wrapper_cfg', 'runner_type', 'strategy',
    'sync_bn'}
_OURS = Path(recipe('jtln_alexnet.py')).resolve().parent


def _bases(file: str) -> Iterator[str]:
    """Go through the files that a config inherits, and that those do."""
    for name in Config._get_base_files(file):
        base, _ = Config._get_cfg_path(name, file)
        yield base
        yield from _bases(base)


def _check_variables(cfg: Config, given: Mapping) -> None:
    """Refuse to set a variable anew that a config's file has used already."""
    # MMEngine fills a file in before another inherits it: the new value would
    # be written down, and do nothing.
    for name, value in given.items():
        used = cfg.get(name)
        if (name in READ or not isinstance(used, str | int | float)
                or used == value or not isinstance(value, str | int | float)):
            continue
        places = [f'`{place}`' for place, found in leaves(
            {key: part for key, part in cfg.items() if key in READ})
            if type(found) is type(used) and (
                used in str(found) if isinstance(used, str)
                else used == found)]
        same = [place for place in places if place.endswith(f'.{name}`')]
        raise refusal(
            f'`{name}` is a variable of the base config, where it is '
            f'{used!r} and has been used', f'got {value!r}', 'Set the options '
            f'that it stands in ({", ".join((same or places)[:4])}), or the '
            'environment variable that the base names for it')


def leaves(cfg: object, name: str = '') -> Iterator[tuple[str, object]]:
    """Go through the options of a config, by dotted names."""
    if isinstance(cfg, list | tuple):
        cfg = dict(enumerate(cfg))
    if not isinstance(cfg, Mapping):
        yield name, cfg
        return
    for key, part in cfg.items():
        yield from leaves(part, f'{name}.{key}'.lstrip('.'))


def keep_braces(text: str) -> str:
    """Keep MMEngine from filling in what stands between double braces."""
    return text.replace('{{', '{\\x7b')


def with_registered_names(cfg: Config) -> Config:
    """Return a config whose types are registered names where there are any.

    A pure-Python config says ``type=JTLNClassifier`` after an import.
    """
    names: dict[Any, str] = {}
    for module in (own, host, mmengine_root):
        for registry in vars(module).values():
            if isinstance(registry, Registry):
                scope = 'mmjtln.' if registry.scope == 'mmjtln' else ''
                for name, found in registry.module_dict.items():
                    names.setdefault(found, scope + name)
    # MMEngine writes what is imported as its path.
    copy = cfg.to_dict()
    for part in parts_of(copy):
        kind = found = part.get('type')
        # `mmjtln.OTLoss` is a name; a path has a module in it.
        if isinstance(kind, str) and kind.count('.') >= 2:
            found = get_object_from_string(kind)
        if found is not None and not isinstance(found, str):
            part['type'] = names.get(found, kind)
    return Config(copy, filename=cfg.filename)


_HEADS = {TARGET: 'head', SOURCE: 'source_head'}


def fill_class_counts(cfg: Config,
                      checkpoint: str | Path | None = None) -> Config:
    """Replace each ``num_classes=None`` of a head by its domain's number.

    A config that a run writes down then holds numbers, and beside them the
    names: ``class_names=dict(source=[...], target=[...])``. A checkpoint of
    the run tells them, or else the data set of ``train_dataloader``. The
    config is changed in place, and returned.
    """
    heads = {domain: (cfg.get('model') or {}).get(name) or {}
             for domain, name in _HEADS.items()}
    open_heads = [domain for domain in DOMAINS
                  if heads[domain].get('num_classes', 0) is None]
    if not open_heads:
        return cfg
    meta = {} if checkpoint is None else checkpoint_meta(checkpoint)
    dataset = (cfg.get('train_dataloader') or {}).get('dataset')
    if not meta.get('classes') and dataset is not None:
        meta = build_dataset(dataset).metainfo
    cfg.class_names = {}
    for domain in open_heads:
        classes: Any = domain_classes(meta, domain)
        name = f'`model.{_HEADS[domain]}.num_classes`'
        require(classes, f'The data must say {name} where it is None',
                'but neither a checkpoint nor `train_dataloader.dataset` '
                f'names {domain} classes', f'Set {name}, or the data')
        heads[domain]['num_classes'] = len(classes)
        cfg.class_names[domain] = list(classes)
    return cfg


def is_jtln(cfg: Mapping) -> bool:
    """Whether a config's model has two heads: a JTLNClassifier, or of one."""
    from mmjtln.models import JTLNClassifier
    kind = host.MODELS.get(str((cfg.get('model') or {}).get('type')))
    return inspect.isclass(kind) and issubclass(kind, JTLNClassifier)


def parts_of_type(cfg: object, *kinds: str) -> Iterator[Any]:
    """Go through the parts of a config of types of this package, no scope."""
    for part in parts_of(cfg):
        if str(part.get('type')).removeprefix('mmjtln.') in kinds:
            yield part


def parts_of(cfg: object) -> Iterator[Any]:
    """Go through all dicts of a config, those inside of others too."""
    if isinstance(cfg, Mapping):
        yield cfg
        cfg = list(cfg.values())
    if isinstance(cfg, list | tuple):
        for value in cfg:
            yield from parts_of(value)


def base_dataset(dataset: Mapping | list) -> Any:
    """Return the part of a data set's config that has the pipeline.

    It is the first of several, and of a joint data set the target's.
    """
    found: Any = dataset
    while 'pipeline' not in found:
        found = (found[0] if isinstance(found, list) else found.get('dataset')
                 or found.get('target') or found.get('datasets'))
        require(isinstance(found, Mapping | list) and found,
                'A data set must say how its images are read',
                f'but {dataset!r} has no `pipeline`', 'Set it')
    return found


def pipeline_in(dataset: Mapping) -> list[dict]:
    """Return the transforms of a data set's config, see above; a copy."""
    return deepcopy(list(base_dataset(dataset)['pipeline']))


def name_checkpoint(cfg: Config) -> Config:
    """Put the run's checkpoint into ``ClassList(classes='checkpoint')``."""
    path = cfg.get('load_from') or (
        cfg.get('resume') and find_latest_checkpoint(cfg.work_dir))
    for split in ('train', 'val', 'test'):
        for part in parts_of_type(cfg.get(f'{split}_dataloader'), 'ClassList'):
            if part.get('classes') == CHECKPOINT and path:
                part['classes'] = path
    return cfg


def names_weights(cfg: object) -> bool:
    """Whether a model's config, or a part of it, names trained weights."""
    return any('Pretrained' in str(part.get('type')) or part.get('pretrained')
               or part.get('checkpoint_path') for part in parts_of(cfg))


class OptionsAction(DictAction):
    """Options KEY=VALUE of a tool; MMEngine takes the blanks out of texts."""

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        return _with_blanks(DictAction._parse_iterable(val.replace(' ', '\0')))


def _with_blanks(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_with_blanks, value))
    return DictAction._parse_int_float_bool(
        str(value).replace('\0', ' ').strip())
