"""The number of outputs of each head, taken from the data."""
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader

from mmjtln.domains import DOMAINS, SOURCE, TARGET

from .build import build_dataset

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
