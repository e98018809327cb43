"""Fitting a config to the machine that runs it."""
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import nn

from mmjtln.errors import require
from mmjtln.registry import OPTIM_WRAPPERS
from mmjtln.run_config import name_checkpoint

_AMP = ('AmpOptimWrapper', 'mmengine.AmpOptimWrapper')
#: What MMPretrain's tools set where the config does not.
_LOADER_DEFAULTS = dict(pin_memory=True, persistent_workers=True,
                        collate_fn=dict(type='default_collate'))


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """MMEngine's ``OptimWrapper`` with the forward pass in bfloat16.

    It needs no GPU, without which ``--amp`` means this class. Weights,
    gradients, optimizer state and the OT loss stay in float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter autocast, and hold back synchronization as the parent does."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield


def adapt_to_machine(cfg: Config) -> Config:
    """Make a merged config run on a machine without a GPU, too."""
    name_checkpoint(cfg)
    on_cpu = not torch.cuda.is_available()
    for split in ('train', 'val', 'test'):
        name = f'{split}_dataloader'
        if cfg.get(name) is not None:
            loader = {**_LOADER_DEFAULTS, **cfg[name]}
            loader['pin_memory'] &= not on_cpu
            # PyTorch refuses them without workers.
            loader['persistent_workers'] &= bool(loader.get('num_workers'))
            cfg[name] = loader
    if on_cpu:
        _use_bf16(cfg)
        if cfg.get('launcher', 'none') != 'none':
            _init_gloo(cfg)
    return cfg


def _use_bf16(cfg: Config) -> None:
    """Take the only reduced precision of PyTorch's autocast on a CPU."""
    wrapper = cfg.get('optim_wrapper') or {}
    if wrapper.get('type') not in _AMP:
        return
    # Both belong to the scaler, or say what BF16OptimWrapper is anyway.
    wrapper.pop('loss_scale', None)
    dtype = wrapper.pop('dtype', None)
    require(dtype in (None, 'bfloat16', torch.bfloat16), 'Without a GPU, '
            'mixed precision is in bfloat16', 'but `optim_wrapper.dtype` is '
            f'{dtype!r}', "Leave it out, or set it to 'bfloat16'")
    wrapper['type'] = 'mmjtln.BF16OptimWrapper'


def leave_group() -> None:
    """End the process group, whose threads at times abort the process."""
    if is_distributed():
        torch.distributed.destroy_process_group()
        gc.collect()  # A model in a cycle of objects still holds it.


def _init_gloo(cfg: Config) -> None:
    """Start the process group: MMEngine's launchers ask for a GPU."""
    require(cfg.launcher == 'pytorch',
            'Without a GPU, several processes are launched by torchrun',
            f'got `--launcher {cfg.launcher}`', 'Set `--launcher pytorch`')
    cfg.model_wrapper_cfg = {
        'type': 'MMDistributedDataParallel', 'broadcast_buffers': False,
        # MMEngine reads this key only where it chooses the wrapper itself.
        'find_unused_parameters': cfg.get('find_unused_parameters', False),
        **(cfg.get('model_wrapper_cfg') or {}), 'device_ids': None}
    if not is_distributed():
        # As MMEngine's own launcher reads it, in seconds.
        timeout = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
        torch.distributed.init_process_group(
            'gloo', timeout=timedelta(seconds=timeout) if timeout else None)
