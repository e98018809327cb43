"""Test a checkpoint, with MMPretrain's flags.

    python tools/test.py configs/jtln_alexnet.py CHECKPOINT

The flags and the work are those of MMPretrain's own script; only the config
is fitted to a machine without a GPU first, several processes included, and
given the class counts of the checkpoint where it leaves them open. CHECKPOINT
can be a work directory: its best checkpoint, else the last. How it reads
images is compared with how the training's test did.
"""
import argparse
from collections.abc import Callable

from mmengine.config import Config

from mmjtln.apis.launch import adapt_to_machine, leave_group
from mmjtln.apis.train import FormattedConfig
from mmjtln.datasets.build import check_parts_of
from mmjtln.datasets.contents import in_data_set
from mmjtln.errors import end_in_words
from mmjtln.hosts import load_host_tool
from mmjtln.run_config import (
    fill_class_counts,
    parts_of,
    pipeline_in,
    read_config,
)


def _merge(merge_args: Callable, cfg: Config,
           args: argparse.Namespace) -> Config:
    """Merge the flags; `--tta` of a data set with others inside, too."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    if not args.tta or not dataset or 'pipeline' in dataset:
        return merge_args(cfg, args)
    # The host changes the pipeline of the outermost alone.
    given = 'tta_pipeline' in cfg
    dataset.pipeline = pipeline_in(dataset)
    cfg = merge_args(cfg, args)
    flips = cfg.test_dataloader.dataset.pop('pipeline')
    for part in parts_of(cfg.test_dataloader.dataset):
        if 'pipeline' in part:
            part.pipeline = flips if given else [
                *part.pipeline[:-1], flips[-1]]
    return cfg


def main() -> None:
    """Run MMPretrain's script on the fitted config."""
    host = load_host_tool('test')
    merge_args = host.merge_args

    def fit(cfg: Config, args: argparse.Namespace) -> Config:
        read_config(args.config, args.cfg_options)  # Refuses what is wrong.
        cfg = adapt_to_machine(_merge(merge_args, cfg, args))
        with in_data_set('test'):
            check_parts_of(cfg.test_dataloader)
        return FormattedConfig.of(
            fill_class_counts(cfg, args.checkpoint), written=False)

    host.merge_args = fit
    host.main()
    leave_group()


if __name__ == '__main__':
    end_in_words()
    main()
