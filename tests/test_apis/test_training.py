"""A joint run through MMEngine's own loops."""
from mmengine.runner import Runner


def losses_of(runner) -> dict:
    """Return the logged history of each loss."""
    scalars = runner.message_hub.log_scalars
    return {
        name: scalars[f'train/{name}'].data[0]
        for name in ('target_loss', 'source_loss', 'ot_loss', 'ot_cost',
                     'ot_error')
    }


def test_training_lowers_the_losses(tiny_run):
    """A few dozen steps learn both tasks; all terms are logged."""
    tiny_run.train_dataloader.batch_size = 32
    tiny_run.train_dataloader.batch_sampler.epoch = 60
    tiny_run.train_cfg.max_epochs = 1
    tiny_run.optim_wrapper.optimizer = dict(type='Adam', lr=3e-3)
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    logged = losses_of(runner)
    for name in ('target_loss', 'source_loss'):
        assert logged[name][-5:].mean() < 0.7 * logged[name][:5].mean(), name
    assert (logged['ot_error'] <= runner.model.ot_loss.tol).all()


def test_iteration_based_loop(tiny_run):
    """The sampler serves MMEngine's iteration-based loop as well."""
    tiny_run.train_cfg = dict(by_epoch=False, max_iters=7, val_interval=7)
    tiny_run.default_hooks = dict(
        checkpoint=dict(type='CheckpointHook', interval=7, by_epoch=False))
    runner = Runner.from_cfg(tiny_run)
    runner.train()
    assert runner.iter == 7
