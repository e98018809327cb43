"""What goes wrong in training ends it, and leaves the last good state."""
import os
import signal
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.apis.launch import adapt_to_machine
from tests.ranks import start_ranks


class Disturb(Hook):
    """Do something at the start of an iteration, on one rank."""

    priority = 'LOWEST'

    def __init__(self, iteration, action, rank=0):
        self.iteration, self.action, self.rank = iteration, action, rank

    def before_train_iter(self, runner, *_, **__):
        if runner.iter == self.iteration and runner.rank == self.rank:
            self.action(runner)


def poison(runner):
    """Make the source head give NaN."""
    model = getattr(runner.model, 'module', runner.model)
    model.source_head.fc.bias.data.fill_(float('nan'))


def test_a_loss_that_is_not_finite(tiny_run, tmp_path):
    """The step is not taken and the epoch before is what is left."""
    runner = Runner.from_cfg(tiny_run)
    weights = {}

    def disturb(runner):
        poison(runner)
        weights.update((key, value.clone()) for key, value in
                       runner.model.state_dict().items())

    runner.register_hook(Disturb(4, disturb))
    with pytest.raises(FloatingPointError) as error:
        runner.train()
    said = str(error.value)
    assert 'iteration 5 of epoch 2' in said and 'source_loss' in said
    assert said.count('MNIST5k/') == said.count('UCIDigits/') == 4
    for key, value in runner.model.state_dict().items():
        torch.testing.assert_close(value, weights[key], rtol=0, atol=0,
                                   equal_nan=True)
    work_dir = tmp_path / 'work_dir'
    assert not (work_dir / 'epoch_2.pth').exists()
    assert (work_dir / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    state = torch.load(work_dir / 'epoch_1.pth',
                       weights_only=False)['state_dict']
    assert all(value.isfinite().all() for value in state.values())


def train(rank, cfg, folder, action):
    """Train; rank 1 is disturbed; keep what each rank says at its end."""
    cfg.launcher = 'pytorch'
    runner = Runner.from_cfg(adapt_to_machine(cfg))
    runner.register_hook(Disturb(4, action, rank=1))
    try:
        runner.train()
    except Exception as error:
        Path(folder, f'{rank}.txt').write_text(repr(error))
        os._exit(1)  # As a process of its own would: at once.


def die(runner):
    """End as the system's memory killer ends a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_weights_that_are_not_finite_are_not_saved(tiny_run):
    """The checkpoint of the first epoch stays the last one."""
    runner = Runner.from_cfg(tiny_run)

    def spoil(runner):
        # In the last step of the epoch, whose loss is still finite.
        runner.model.head.fc.bias.register_hook(lambda grad: grad / 0)

    runner.register_hook(Disturb(5, spoil))
    with pytest.raises(FloatingPointError, match='after iteration 6'):
        runner.train()
    last = Path(runner.work_dir, 'last_checkpoint').read_text()
    assert last.endswith('epoch_1.pth') and Path(last).exists()
    assert not Path(runner.work_dir, 'epoch_2.pth').exists()


@pytest.mark.parametrize('action', [poison, die])
def test_one_rank_ends_all(tiny_run, tmp_path, action):
    """The others end by themselves, with a message, and save nothing more."""
    for loader in (tiny_run.train_dataloader, tiny_run.val_dataloader):
        loader.dataset.source.update(type='mmjtln.UCIDigits', split='val')
    # The context owns what the processes need to start: it must be kept.
    context = start_ranks(train, 2, tmp_path, tiny_run, str(tmp_path), action)
    for process in context.processes:
        process.join(600)
    codes = [process.exitcode for process in context.processes]
    assert codes == [1, -signal.SIGKILL if action is die else 1]
    assert 'gloo' in (tmp_path / '0.txt').read_text()
    if action is poison:
        said = (tmp_path / '1.txt').read_text()
        assert 'FloatingPointError' in said and 'on rank 1' in said
    saved = {path.name for path in (tmp_path / 'work_dir').glob('epoch*')}
    assert saved == {'epoch_1.pth'}
