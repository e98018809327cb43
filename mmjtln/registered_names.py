"""Pure-Python configs, whose types are classes, as configs of names."""

import mmpretrain.registry as host
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.registry import root as mmengine_root
from mmengine.utils import get_object_from_string

import mmjtln.registry as own


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
