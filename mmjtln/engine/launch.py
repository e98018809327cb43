"""Fitting a config to the machine that runs it."""
import torch
from mmengine.config import Config
from mmengine.dist import is_distributed


def adapt_to_machine(cfg: Config) -> Config:
    """Make a merged config run on a machine without a GPU, too.

    MMEngine's launchers call ``torch.cuda.set_device`` unconditionally; so
    without a GPU the process group (gloo) is started here, before the runner,
    and the model is wrapped without device ids. With a GPU nothing of this
    happens. Persistent workers, which MMPretrain's tools switch on, are
    switched off for loaders without workers, where PyTorch refuses them.

    Args:
        cfg (Config): After the command line was merged in; changed in place.

    Returns:
        Config: The same.

    Raises:
        RuntimeError: If a launcher other than ``pytorch`` is asked for on a
            machine without a GPU.
    """
    on_cpu = not torch.cuda.is_available()
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if loader is None:
            continue
        if not loader.get('num_workers'):
            loader.persistent_workers = False
        if on_cpu:
            loader.pin_memory = False
    if on_cpu and cfg.get('launcher', 'none') != 'none':
        _init_gloo(cfg)
    return cfg


def _init_gloo(cfg: Config) -> None:
    if cfg.launcher != 'pytorch':
        raise RuntimeError(
            'Without a GPU, several processes are launched with torchrun and '
            f'`--launcher pytorch`; got `--launcher {cfg.launcher}`.')
    wrapper = dict(cfg.get('model_wrapper_cfg') or {})
    wrapper.setdefault('type', 'MMDistributedDataParallel')
    wrapper.setdefault('broadcast_buffers', False)
    wrapper['device_ids'] = None
    cfg.model_wrapper_cfg = wrapper
    if not is_distributed():
        torch.distributed.init_process_group('gloo')
