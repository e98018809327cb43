"""Write one domain's part of a JTLN config as a stock config.

    python tools/stock_config.py my_config.py target.py
    python tools/stock_config.py my_config.py source.py --domain source

For MMPretrain's tools that expect one data set with a pipeline and one head:
browse_dataset, verify_dataset, vis_scheduler, kfold-cross-valid. What wraps
the domain's data set (few images drawn, repeats) is left out, the checks and
the cost matrix with it. To train what a JTLN is compared with, use
tools/compare_methods.py instead, which holds steps and images equal.
"""
import argparse
from pathlib import Path

from mmengine.config import Config

from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.export.stock_model import stock_classifier
from mmjtln.files.atomic_file import atomic_write
from mmjtln.run_config import fill_class_counts, with_registered_names

_JOINT = 'mmjtln.JointDataset'


def stock_config(cfg: Config, domain: str) -> Config:
    """Return the config of a stock classifier on one domain.

    Args:
        cfg (Config): Config of a JTLN run; it is not changed.
        domain (str): ``'target'`` or ``'source'``. Of the source there is
            training data alone.

    Raises:
        ValueError: If it is not the config of a JTLN run.
    """
    cfg = fill_class_counts(with_registered_names(cfg))
    joint = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    if joint.get('type') != _JOINT or cfg.model.type != (
            'mmjtln.JTLNClassifier'):
        raise ValueError(
            'A stock config is made of that of a JTLN run, with '
            "model.type='mmjtln.JTLNClassifier' and train_dataloader."
            f"dataset.type={_JOINT!r}; this one has {cfg.model.type!r} and "
            f'{joint.get("type")!r}. A stock config needs no other.')
    cfg.model = stock_classifier(cfg.model, domain)
    preprocessor = cfg.get('data_preprocessor') or {}
    preprocessor.pop('num_source_classes', None)
    if 'type' in preprocessor:
        preprocessor.type = 'ClsDataPreprocessor'
    cfg.train_dataloader.dataset = _unwrapped(joint[domain])
    cfg.train_dataloader.pop('batch_sampler', None)
    cfg.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    for split in ('val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if domain == SOURCE:
            for part in ('dataloader', 'evaluator', 'cfg'):
                cfg[f'{split}_{part}'] = None
        elif loader is not None:
            dataset = loader.dataset
            loader.dataset = _unwrapped(
                dataset[TARGET] if dataset.type == _JOINT else dataset)
            cfg[f'{split}_evaluator'] = dict(
                type='mmjtln.DomainAccuracy', domain=TARGET)
    if domain == SOURCE:
        cfg.default_hooks.checkpoint.save_best = None
    cfg.custom_hooks = [hook for hook in cfg.get('custom_hooks') or []
                        if not str(hook.type).startswith('mmjtln.')]
    cfg.custom_imports = dict(imports=['mmjtln'], allow_failed_imports=False)
    return Config(_unscoped(cfg.to_dict()))


def _unwrapped(dataset: dict) -> dict:
    while 'pipeline' not in dataset and isinstance(
            dataset.get('dataset'), dict):
        dataset = dataset['dataset']
    return dataset


def _unscoped(cfg: object) -> object:
    """Drop what MMEngine notes of inherited configs, a key that some refuse.

    The scope noted is that which stock types have anyway.
    """
    if isinstance(cfg, dict):
        return {key: _unscoped(value) for key, value in cfg.items()
                if key != '_scope_'}
    if isinstance(cfg, list | tuple):
        return type(cfg)(_unscoped(value) for value in cfg)
    return cfg


def main() -> None:
    """Write the config."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of a JTLN run')
    parser.add_argument('out', type=Path, help='config to write')
    parser.add_argument('--domain', choices=DOMAINS, default=TARGET,
                        help='whose data and head (default: target)')
    args = parser.parse_args()
    text = stock_config(Config.fromfile(args.config), args.domain).pretty_text
    with atomic_write(args.out) as out:
        out.write(text.encode())


if __name__ == '__main__':
    main()
