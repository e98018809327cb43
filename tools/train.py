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
from copy import deepcopy

from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.runner import find_latest_checkpoint

from mmjtln.apis.launch import adapt_to_machine
from mmjtln.apis.train import build_runner, run
from mmjtln.hosts import load_host_tool
from mmjtln.run_config import fill_class_counts


def main() -> None:
    """Train, then test the best checkpoint."""
    host = load_host_tool('train')
    args = host.parse_args()
    cfg = Config.fromfile(args.config)
    start = cfg.get('load_from')
    cfg = host.merge_args(cfg, args)
    if cfg.get('resume') and cfg.get('load_from') is None and (
            find_latest_checkpoint(cfg.work_dir) is None):
        # Stopped before its first checkpoint, the run begins anew, with the
        # weights that it began with.
        cfg.load_from, cfg.resume = start, False
    fill_class_counts(adapt_to_machine(cfg))
    test_cfg = deepcopy(cfg)

    run(cfg)

    best = MessageHub.get_current_instance().get_info('best_ckpt')
    if best is not None and test_cfg.get('test_dataloader') is not None:
        test_cfg.load_from, test_cfg.resume = best, False
        build_runner(test_cfg).test()


if __name__ == '__main__':
    main()
