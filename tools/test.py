"""Test a checkpoint, with MMPretrain's flags.

    python tools/test.py configs/jtln_alexnet.py CHECKPOINT

The flags and the work are those of MMPretrain's own script; only the config
is fitted to a machine without a GPU first, several processes included.
"""
from host_tools import load_host_tool

from mmjtln.apis.launch import adapt_to_machine


def main() -> None:
    """Run MMPretrain's script on the fitted config."""
    host = load_host_tool('test')
    merge_args = host.merge_args
    host.merge_args = lambda cfg, args: adapt_to_machine(merge_args(cfg, args))
    host.main()


if __name__ == '__main__':
    main()
