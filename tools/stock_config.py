"""Write one domain's part of a JTLN config as a stock config.

    python tools/stock_config.py my_config.py target.py
    python tools/stock_config.py my_config.py source.py --domain source

For MMPretrain's tools that expect one data set with a pipeline and one head:
browse_dataset, verify_dataset, vis_scheduler, kfold-cross-valid. What wraps
the domain's data set, checks and cost matrix are left out; to compare, use
tools/compare_methods.py, which holds steps and images equal.
"""
import argparse
from pathlib import Path

from mmengine.config import Config

from mmjtln.domains import DOMAINS, TARGET
from mmjtln.errors import end_in_words, require
from mmjtln.export.stock_model import single_domain
from mmjtln.files.atomic_file import atomic_write
from mmjtln.run_config import (
    base_dataset,
    fill_class_counts,
    is_jtln,
    keep_braces,
    parts_of,
    read_config,
)


def stock_config(config: str, domain: str) -> Config:
    """Return the config of a stock classifier on one domain."""
    cfg = fill_class_counts(read_config(config))
    joint = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    require(is_jtln(cfg) and joint.get('type') == 'mmjtln.JointDataset',
            'A stock config is made of that of a JTLN run',
            f'but its `model` is {cfg.model.type!r} and its training data set '
            f'{joint.get("type")!r}', 'A stock run needs no other config')
    single_domain(cfg, domain)
    loader = cfg.train_dataloader
    loader.dataset = base_dataset(joint[domain])
    loader.pop('batch_sampler', None)
    loader.sampler = dict(type='DefaultSampler', shuffle=True)
    for split in ('val', 'test'):
        if cfg.get(f'{split}_dataloader'):
            loader = cfg[f'{split}_dataloader']
            loader.dataset = base_dataset(loader.dataset)
    cfg.custom_imports = dict(imports=['mmjtln'], allow_failed_imports=False)
    # Inherited parts note the scope of stock types, which some types refuse.
    plain = cfg.to_dict()
    for part in parts_of(plain):
        part.pop('_scope_', None)
    return Config(plain)


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
    text = keep_braces(stock_config(args.config, args.domain).pretty_text)
    with atomic_write(args.out) as out:
        out.write(text.encode())


if __name__ == '__main__':
    end_in_words()
    main()
