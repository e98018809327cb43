"""Train from a config, with MMPretrain's flags, and test what was trained.

    python tools/train.py configs/jtln_alexnet.py
    torchrun --nproc_per_node=2 tools/train.py configs/jtln_alexnet.py \
        --launcher pytorch

The flags are those of MMPretrain's own script. Three things come on top: class
counts that the config leaves open (``num_classes=None``) are taken from the
data; the run also works on a machine without a GPU, several processes
included; and it ends by testing its best checkpoint where the config has a
test set (not with ``--no-validate``, which chooses none).
"""
from mmjtln.apis.launch import leave_group
from mmjtln.apis.train import train_and_test
from mmjtln.errors import end_in_words
from mmjtln.hosts import load_host_tool
from mmjtln.run_config import read_config


def main() -> None:
    """Train, then test the best checkpoint."""
    host = load_host_tool('train')
    args = host.parse_args()
    cfg = read_config(args.config, args.cfg_options)
    start = cfg.get('load_from')
    train_and_test(host.merge_args(cfg, args), start)
    leave_group()


if __name__ == '__main__':
    end_in_words()
    main()
