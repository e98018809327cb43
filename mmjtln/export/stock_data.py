"""The evaluation data of one domain, as a stock config."""
from collections.abc import Sequence

from mmengine.config import Config

from mmjtln.domains import TARGET
from mmjtln.errors import require
from mmjtln.run_config import pipeline_in

from .stock_model import refuse_foreign

_LOAD = ('LoadImageFromFile', 'mmpretrain.LoadImageFromFile')


def eval_pipeline(cfg: Config, domain: str) -> list[dict]:
    """Return how the images of a domain are read for a test, a copy.

    A source that is trained on alone is read as the target: one backbone
    sees both.

    Raises:
        ValueError: If the config evaluates on no data.
    """
    dataset = _eval_dataset(cfg, domain) or _eval_dataset(cfg, TARGET)
    require(dataset, 'An exported classifier needs a test pipeline', 'but '
            'neither `test_dataloader` nor `val_dataloader` has target data',
            'Set one of them')
    return pipeline_in(dataset)


def _eval_dataset(cfg: Config, domain: str) -> dict | list | None:
    """Find a domain's test data, or else its validation data."""
    for split in ('test', 'val'):
        dataset = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
        if dataset and dataset['type'] == 'mmjtln.JointDataset':
            dataset = dataset[domain]
            if isinstance(dataset, list) or (
                    dataset['type'] != 'mmjtln.ClassList'):
                return dataset
        elif dataset and domain == TARGET:
            return dataset
    return None


def stock_test_data(cfg: Config, domain: str, classes: Sequence[str]) -> dict:
    """Return ``test_dataloader``, ``test_evaluator`` and ``test_cfg``.

    Where the domain has no test data, or its data set needs this plugin, they
    test on a ``CustomDataset`` over a folder of images, one folder a class.
    """
    dataset = _eval_dataset(cfg, domain)
    try:
        refuse_foreign(dataset, 'dataset')
    except TypeError:
        dataset = None
    if not isinstance(dataset, dict):
        pipeline = eval_pipeline(cfg, domain)
        if pipeline[0]['type'] not in _LOAD:
            pipeline.insert(0, dict(type=_LOAD[0]))
        dataset = dict(type='CustomDataset', data_root=f'data/{domain}',
                       metainfo=dict(classes=list(classes)), pipeline=pipeline)
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader')
    workers = loader.get('num_workers', 0)
    return dict(
        test_dataloader=dict(
            batch_size=loader.get('batch_size', 1), num_workers=workers,
            # MMPretrain's tools switch them on, PyTorch refuses without.
            persistent_workers=workers > 0, dataset=dataset,
            sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(type='Accuracy', topk=(1, )),
        test_cfg=dict())
