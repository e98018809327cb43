"""Which checkpoint a class list of ``'checkpoint'`` is that of."""

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from mmjtln.datasets.class_lists import CHECKPOINT

_SPLITS = ('train', 'val', 'test')


def name_checkpoint(cfg: Config) -> Config:
    """Put the run's checkpoint into ``ClassList(classes='checkpoint')``.

    Called before anything is built: data sets do not know of their run.

    Args:
        cfg (Config): Config of a run; changed in place.

    Returns:
        Config: The same. Its class lists name ``load_from`` or, in a run
        that is resumed without it, the latest checkpoint in ``work_dir``.
    """
    found = [part for split in _SPLITS
             for part in _class_lists(cfg.get(f'{split}_dataloader') or {})]
    if not found:
        return cfg
    path = cfg.get('load_from')
    if path is None and cfg.get('resume'):
        path = find_latest_checkpoint(cfg.work_dir)
    for part in found:
        if path is not None:
            part['classes'] = path
    return cfg


def _class_lists(cfg: object) -> list[dict]:
    """Find the class lists of the run's checkpoint, however deep."""
    if isinstance(cfg, (list, tuple)):
        return [part for value in cfg for part in _class_lists(value)]
    if not isinstance(cfg, dict):
        return []
    if (str(cfg.get('type')).removeprefix('mmjtln.') == 'ClassList'
            and cfg.get('classes') == CHECKPOINT):
        return [cfg]
    return [part for value in cfg.values() for part in _class_lists(value)]
