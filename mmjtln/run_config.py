"""Configs of runs: read, looked into, completed."""
import inspect
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path

import mmpretrain.registry as host
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.registry import root as mmengine_root
from mmengine.runner import find_latest_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from mmengine.utils import get_object_from_string
from mmpretrain.apis import ModelHub

import mmjtln.registry as own
from mmjtln.datasets.build import build_dataset
from mmjtln.datasets.class_lists import CHECKPOINT
from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.errors import require


def read_config(config: str | Path | Config) -> Config:
    """Read the config of a run, its types by their registered names.

    Args:
        config (str | Path | Config): A config, which is not changed, its
            file, or the name of one of MMPretrain's models.

    Raises:
        FileNotFoundError: If there is neither file nor model.
    """
    if not isinstance(config, Config):
        if Path(config).is_file():
            config = Config.fromfile(config)
        else:
            require(ModelHub.has(str(config)), 'A config must be a file or '
                    'the name of a model of MMPretrain', f'but {config} is '
                    'neither', 'Give one of mmpretrain.list_models(), or '
                    'correct the path', FileNotFoundError)
            config = ModelHub.get(str(config)).config
    return with_registered_names(config)


def with_registered_names(cfg: Config) -> Config:
    """Write the types of a config as a text config would.

    A pure-Python config says ``type=JTLNClassifier`` after an import; whoever
    looks at types looks for the name ``'mmjtln.JTLNClassifier'``.

    Args:
        cfg (Config): Any config; it is not changed.

    Returns:
        Config: The same run, whose types are names wherever a registry of
        this package, MMPretrain or MMEngine has one. Others stay as they are.
    """
    names = {}
    for module in (own, host, mmengine_root):
        for registry in vars(module).values():
            if isinstance(registry, Registry):
                scope = 'mmjtln.' if registry.scope == 'mmjtln' else ''
                for name, found in registry.module_dict.items():
                    names.setdefault(found, scope + name)
    # MMEngine writes what is imported as its path.
    return Config(_renamed(cfg.to_dict(), names), filename=cfg.filename)


def _renamed(cfg: object, names: dict) -> object:
    if isinstance(cfg, dict):
        return {key: _name(value, names) if key == 'type' else
                _renamed(value, names) for key, value in cfg.items()}
    if isinstance(cfg, list | tuple):
        return type(cfg)(_renamed(value, names) for value in cfg)
    return cfg


def _name(kind: str | type, names: dict) -> str | type:
    # `mmjtln.OTLoss` is a name; a path has a module in it.
    if isinstance(kind, str) and kind.count('.') >= 2:
        return names.get(get_object_from_string(kind), kind)
    return kind if isinstance(kind, str) else names.get(kind, kind)


_HEADS = {TARGET: 'head', SOURCE: 'source_head'}


def fill_class_counts(cfg: Config,
                      checkpoint: str | None = None) -> Config:
    """Replace each ``num_classes=None`` of a head by its domain's number.

    Called before a model is built, so that the config that a run writes down
    holds numbers, and beside them the names: ``class_names=dict(source=[...],
    target=[...])``. A head that names its number keeps it, and the class check
    compares it with the data.

    Args:
        cfg (Config): Config of a run; changed in place.
        checkpoint (str, optional): Path or URL of a checkpoint of the run,
            whose class names are taken: whoever predicts needs no training
            data. Defaults to None: the data set of ``train_dataloader`` is
            built for them, as it is where the checkpoint has none.

    Returns:
        Config: The same.

    Raises:
        ValueError: If neither the checkpoint nor a training data set tells.
    """
    model = cfg.get('model') or {}
    open_heads = [
        domain for domain in DOMAINS
        if 'num_classes' in (model.get(_HEADS[domain]) or {})
        and model[_HEADS[domain]]['num_classes'] is None
    ]
    if not open_heads:
        return cfg
    names = _names_of(_trained_metainfo(checkpoint)) or _names_of(
        _train_metainfo(cfg))
    for domain in open_heads:
        if domain not in names:
            raise ValueError(
                f'`model.{_HEADS[domain]}.num_classes` is None, to be taken '
                f'from the data, but neither a checkpoint nor '
                f'`train_dataloader.dataset` names {domain} classes. Set '
                f'`model.{_HEADS[domain]}.num_classes`, or the training data.')
        model[_HEADS[domain]]['num_classes'] = len(names[domain])
    cfg.class_names = {domain: list(names[domain]) for domain in open_heads}
    return cfg


def _names_of(metainfo: Mapping) -> dict:
    keys = {SOURCE: 'source_classes', TARGET: 'classes'}
    return {domain: metainfo[key] for domain, key in keys.items()
            if metainfo.get(key)}


def _trained_metainfo(checkpoint: str | None) -> Mapping:
    if checkpoint is None:
        return {}
    loaded = CheckpointLoader.load_checkpoint(str(checkpoint), 'cpu')
    return loaded.get('meta', {}).get('dataset_meta') or {}


def _train_metainfo(cfg: Config) -> Mapping:
    dataset = (cfg.get('train_dataloader') or {}).get('dataset')
    if dataset is None:
        return {}
    return build_dataset(dataset).metainfo


def is_jtln(cfg: Mapping) -> bool:
    """Whether a config's model has two heads: a JTLNClassifier, or of one."""
    from mmjtln.models import JTLNClassifier
    kind = (cfg.get('model') or {}).get('type')
    if isinstance(kind, str):
        kind = host.MODELS.get(kind)
    return inspect.isclass(kind) and issubclass(kind, JTLNClassifier)


def parts_of_type(cfg: object, *kinds: str) -> Iterator[dict]:
    """Go through the parts of a config that are of a type of this package.

    Args:
        cfg (object): A config, or any part of one.
        *kinds (str): Names of types, such as ``'FewShotDataset'``.

    Yields:
        dict: Each part, those inside of others too.
    """
    if isinstance(cfg, Mapping):
        if str(cfg.get('type')).removeprefix('mmjtln.') in kinds:
            yield cfg
        cfg = list(cfg.values())
    if isinstance(cfg, list | tuple):
        for value in cfg:
            yield from parts_of_type(value, *kinds)


def base_dataset(dataset: Mapping | list) -> Mapping:
    """Return the part of a data set's config that has the pipeline.

    Args:
        dataset (Mapping | list): Wrapped or not; of several parts, the first
            is looked at, and of a joint data set the target.

    Raises:
        ValueError: If no part has one.
    """
    found = dataset
    while 'pipeline' not in found:
        inner = (found.get('dataset') or found.get('target')
                 or found.get('datasets')
                 if isinstance(found, Mapping) else found[0])
        require(isinstance(inner, Mapping | list) and inner,
                'A data set must say how its images are read',
                f'but {dataset!r} has no `pipeline`', 'Set it')
        found = inner
    return found


def pipeline_in(dataset: Mapping) -> list[dict]:
    """Return the transforms of a data set's config, see above; a copy."""
    return deepcopy(list(base_dataset(dataset)['pipeline']))


def name_checkpoint(cfg: Config) -> Config:
    """Put the run's checkpoint into ``ClassList(classes='checkpoint')``.

    Called before anything is built: data sets do not know of their run.

    Args:
        cfg (Config): Config of a run; changed in place.

    Returns:
        Config: The same. Its class lists name ``load_from`` or, in a run
        that is resumed without it, the latest checkpoint in ``work_dir``.
    """
    for part in parts_of_type([cfg.get(f'{split}_dataloader')
                               for split in ('train', 'val', 'test')],
                              'ClassList'):
        if part.get('classes') == CHECKPOINT:
            path = cfg.get('load_from')
            if path is None and cfg.get('resume'):
                path = find_latest_checkpoint(cfg.work_dir)
            part['classes'] = path or CHECKPOINT
    return cfg


def names_weights(cfg: object) -> bool:
    """Whether a model's config, or a part of it, names trained weights."""
    if isinstance(cfg, Mapping):
        return ('Pretrained' in str(cfg.get('type')) or bool(
            cfg.get('pretrained') or cfg.get('checkpoint_path'))
            or names_weights(list(cfg.values())))
    return isinstance(cfg, list | tuple) and any(map(names_weights, cfg))
