"""A config on a machine without a GPU: precision, wrapper, timeout."""
import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from mmjtln.apis.launch import (
    BF16OptimWrapper,
    adapt_to_machine,
    leave_group,
)
from tests.ranks import run_ranks

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason='for machines without a GPU')


def first_losses(cfg, seen=None):
    """Train and return the losses of the first two iterations."""
    runner = Runner.from_cfg(adapt_to_machine(cfg))
    if seen is not None:
        runner.model.head.register_forward_hook(
            lambda module, args, output: seen.append(output.dtype))
    runner.train()
    scalars = runner.message_hub.log_scalars
    return runner, {name: scalars[f'train/{name}'].data[0][:2]
                    for name in ('target_loss', 'source_loss', 'ot_loss',
                                 'ot_error')}


def test_amp_is_bfloat16(tiny_run):
    """What --amp sets trains in bfloat16, the OT loss in float32."""
    tiny_run.train_cfg.max_epochs = 1
    tiny_run.val_dataloader = tiny_run.val_cfg = tiny_run.val_evaluator = None
    tiny_run.default_hooks.checkpoint.save_best = None
    _, exact = first_losses(copy.deepcopy(tiny_run))
    # As MMPretrain's merge_args does for --amp.
    tiny_run.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    seen = []
    runner, losses = first_losses(tiny_run, seen)
    assert isinstance(runner.optim_wrapper, BF16OptimWrapper)
    assert torch.bfloat16 in seen
    assert all(p.dtype == torch.float32 for p in runner.model.parameters())
    assert (losses['ot_error'] <= runner.model.ot_loss.tol).all()
    for name in ('target_loss', 'source_loss', 'ot_loss'):
        # bfloat16 has 8 significant bits.
        assert losses[name] == pytest.approx(exact[name], rel=0.02), name


def test_fp16_is_refused(tiny_run):
    """PyTorch's CPU autocast would fail later and say less."""
    tiny_run.optim_wrapper.update(type='AmpOptimWrapper', dtype='float16')
    with pytest.raises(ValueError, match='optim_wrapper.dtype'):
        adapt_to_machine(tiny_run)


def test_other_launchers_are_refused():
    """Slurm and MPI need MMEngine's launcher, which needs a GPU."""
    with pytest.raises(ValueError, match='torchrun'):
        adapt_to_machine(Config(dict(launcher='slurm')))


def test_wrapper_and_timeout(monkeypatch):
    """What MMEngine would read of the config is read here."""
    groups = []
    monkeypatch.setattr(
        torch.distributed, 'init_process_group',
        lambda *args, **kwargs: groups.append((args, kwargs)))
    cfg = adapt_to_machine(Config(dict(
        launcher='pytorch', find_unused_parameters=True,
        env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=7200)))))
    assert cfg.model_wrapper_cfg.find_unused_parameters
    (args, kwargs), = groups
    assert args == ('gloo', ) and kwargs['timeout'].total_seconds() == 7200


def gloo_threads():
    """Return the names of this process's threads that serve gloo."""
    names = [path.read_text() for path in
             Path('/proc/self/task').glob('*/comm')]
    return [name for name in names if 'gloo' in name]


def _leaves(rank):
    # As a runner holds its model: nothing but the collector frees a cycle.
    runner = [nn.parallel.DistributedDataParallel(nn.Linear(1, 1))]
    runner.append(runner)
    del runner
    assert gloo_threads()
    leave_group()
    assert not gloo_threads()


@pytest.mark.skipif(not Path('/proc/self/task').is_dir(),
                    reason='threads are read from /proc')
def test_leaving_ends_the_threads(tmp_path):
    """One that still runs at the end of Python can abort the process."""
    run_ranks(_leaves, 2, tmp_path)
