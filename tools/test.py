"""Test a checkpoint, with MMPretrain's flags.

    python tools/test.py configs/jtln_alexnet.py CHECKPOINT

The flags and the work are those of MMPretrain's own script; only the config
is fitted to a machine without a GPU first, several processes included, and
given the class counts of the checkpoint where it leaves them open. CHECKPOINT
can be a work directory: its best checkpoint, else the last. How it reads
images is compared with how the training's test did.
"""
import argparse

from mmengine.config import Config

from mmjtln.apis.launch import adapt_to_machine, leave_group
from mmjtln.apis.train import FormattedConfig
from mmjtln.hosts import load_host_tool
from mmjtln.run_config import fill_class_counts


def main() -> None:
    """Run MMPretrain's script on the fitted config."""
    host = load_host_tool('test')
    merge_args = host.merge_args

    def fit(cfg: Config, args: argparse.Namespace) -> Config:
        cfg = adapt_to_machine(merge_args(cfg, args))
        return FormattedConfig.of(
            fill_class_counts(cfg, args.checkpoint), written=False)

    host.merge_args = fit
    host.main()
    leave_group()


if __name__ == '__main__':
    main()
