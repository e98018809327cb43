"""Test a checkpoint, with MMPretrain's flags.

    python tools/test.py configs/jtln_alexnet.py CHECKPOINT

The flags and the work are those of MMPretrain's own script; only the config
is fitted to a machine without a GPU first, several processes included, and
given the class counts of the checkpoint where it leaves them open.
"""
from mmjtln.apis.launch import adapt_to_machine
from mmjtln.hosts import load_host_tool
from mmjtln.run_config import fill_class_counts


def main() -> None:
    """Run MMPretrain's script on the fitted config."""
    host = load_host_tool('test')
    merge_args = host.merge_args
    host.merge_args = lambda cfg, args: fill_class_counts(
        adapt_to_machine(merge_args(cfg, args)), args.checkpoint)
    host.main()


if __name__ == '__main__':
    main()
