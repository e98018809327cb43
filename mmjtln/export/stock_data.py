"""The evaluation data of one domain, as a stock config."""
from collections.abc import Sequence

from mmengine.config import Config

from mmjtln.domains import SOURCE, TARGET
from mmjtln.run_config import pipeline_in

from .stock_model import refuse_foreign

_JOINT = 'mmjtln.JointDataset'
_LOAD = dict(type='LoadImageFromFile')


def eval_dataset(cfg: Config, domain: str) -> dict:
    """Return the config of a domain's test set, or else validation set.

    The source is often trained on alone. Its images are then sent through
    the target's test pipeline: one backbone sees both.

    Raises:
        ValueError: If the config evaluates on no data of the domain.
    """
    for split in ('test', 'val'):
        loader = cfg.get(f'{split}_dataloader') or {}
        dataset = loader.get('dataset')
        if dataset is None:
            continue
        if dataset['type'] == _JOINT:
            if not _is_class_list(dataset[domain]):
                return _one_data_set(dataset[domain])
        elif domain == TARGET:
            return dataset
    training = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    if domain == SOURCE and training.get('type') == _JOINT:
        pipeline = pipeline_in(eval_dataset(cfg, TARGET))
        return _with_pipeline(_one_data_set(training[SOURCE]), pipeline)
    raise ValueError(
        f'An exported classifier needs the test pipeline of the {domain} '
        'domain, but neither `test_dataloader` nor `val_dataloader` has data '
        f'of it. Put a {_JOINT} with `{domain}` into one of them.')


def _is_class_list(dataset: dict | list) -> bool:
    return (isinstance(dataset, dict)
            and dataset.get('type') == 'mmjtln.ClassList')


def _one_data_set(dataset: dict | list) -> dict:
    """Return a data set's config, that of a union for several sources."""
    if isinstance(dataset, list):
        return dict(type='mmjtln.UnionDataset', datasets=dataset)
    return dataset




def _with_pipeline(dataset: dict, pipeline: list[dict]) -> dict:
    """Give a data set another pipeline, inside wrappers too."""
    inner = 'pipeline' not in dataset and isinstance(
        dataset.get('dataset'), dict)
    return {**dataset, **(
        dict(dataset=_with_pipeline(dataset['dataset'], pipeline))
        if inner else dict(pipeline=pipeline))}


def stock_test_data(cfg: Config, domain: str, classes: Sequence[str]) -> dict:
    """Return ``test_dataloader``, ``test_evaluator`` and ``test_cfg``.

    A data set that needs this plugin is replaced by a ``CustomDataset`` over
    a folder of images, one folder a class, of the same classes and pipeline.

    Args:
        cfg (Config): The config of the joint run.
        domain (str): ``'target'`` or ``'source'``.
        classes (Sequence[str]): Its class names.
    """
    dataset = eval_dataset(cfg, domain)
    pipeline = pipeline_in(dataset)
    try:
        refuse_foreign(dataset, 'dataset')
    except TypeError:
        if pipeline[0]['type'] not in (_LOAD['type'], 'mmpretrain.' +
                                       _LOAD['type']):
            pipeline = [_LOAD, *pipeline]
        dataset = dict(type='CustomDataset', data_root=f'data/{domain}',
                       metainfo=dict(classes=list(classes)), pipeline=pipeline)
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader') or {}
    workers = loader.get('num_workers', 0)
    return dict(
        test_dataloader=dict(
            batch_size=loader.get('batch_size', 1),
            num_workers=workers,
            # MMPretrain's tools switch them on, PyTorch refuses without.
            persistent_workers=workers > 0,
            dataset=dataset,
            sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(type='Accuracy', topk=(1, )),
        test_cfg=dict())
