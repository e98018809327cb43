"""Checkpoints from which a run goes on as if it had never stopped."""
import math
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmjtln.checks.run import is_training
from mmjtln.errors import require
from mmjtln.registry import HOOKS

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .continuation import (
    ResumedBatches,
    follow_new_length,
    seed_step,
    validation_due,
)
from .run_record import (
    META,
    record_differences,
    run_record,
    tell_other_pipeline,
    test_pipeline,
)


@HOOKS.register_module()
class ResumableCheckpointHook(AtomicCheckpointHook):
    """:class:`~mmengine.hooks.CheckpointHook`, made for exact resuming.

    A joint run that is stopped at any moment, by SIGKILL too, and then goes
    on with ``--resume`` ends as the uninterrupted one: on CPU with the same
    bits in weights, optimizer state and logged losses. Before each step the
    global generators are seeded from (seed of the run, iteration, rank), and
    :class:`~mmjtln.datasets.JointSampler` seeds the augmentation image by
    image, so nothing random has to be saved. A validation that was cut off is
    made up for. Checkpoints say what the run was, its config but for
    :data:`~mmjtln.resume.run_record.HARMLESS` and its data.

    Args:
        *args, **kwargs: As in MMEngine. ``backend_args`` defaults to writing
            whole files to the local disk.

    Raises:
        CheckpointNotWrittenError: If one cannot be written, as on a full
            disk. The earlier ones still stand.
        RuntimeError: If another training runs in the work directory.
        ValueError: If checkpoints fall due within an epoch of an epoch-based
            loop or between two updates, or a run differs from that of the
            checkpoint it is resumed from.
    """

    _record: dict | None = None
    _resumed: Any = None
    _validated = False

    def before_run(self, runner: Runner) -> None:
        """Check when checkpoints fall due, and take the run's record."""
        super().before_run(runner)
        if is_training(runner):
            self._check_interval(runner)
            self._record = run_record(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse to resume another run; tell of a test of another reading."""
        meta = checkpoint.get('meta') or {}
        if not is_training(runner):
            tell_other_pipeline(runner.cfg, meta)
        if not is_training(runner) or not runner._resume:
            return
        if self._resumed is not None:
            return  # The run has gone on; this one is loaded to be tested.
        require('optimizer' in checkpoint, 'A run goes on from a checkpoint '
                'with the state of its optimizer', 'but this one has none, as '
                'best_*.pth', 'Resume the one that `last_checkpoint` names, '
                'or start from these weights: `load_from`, without `resume`')
        self._resumed = meta.get(META, {})
        then = self._resumed.get('record')
        if self._record is None or then is None:
            runner.logger.warning(
                'The checkpoint does not say what its run has consumed, so '
                'nothing tells whether this is the same run.')
            return
        sampler = runner.train_dataloader.batch_sampler.sampler
        if runner._randomness_cfg.get('seed') is None:
            # Drawn, not given: MMEngine goes on with the checkpoint's, but
            # the sampler was built before.
            if sampler.seed == runner.seed:
                sampler.seed = then['order_seed']
            self._record.update(seed=then['seed'], order_seed=sampler.seed)
        differences = record_differences(then, self._record)
        require(not differences, 'A run is resumed with the settings it had',
                'but this is not the run of the checkpoint:\n- '
                + '\n- '.join(differences) + '\n',
                'Restore them, or start a new run from the weights: '
                '`load_from`, without `resume`')

    def before_train(self, runner: Runner) -> None:
        """Go to the place of the checkpoint, and validate if that is due."""
        super().before_train(runner)
        if self._resumed is None:
            return
        done = runner.epoch if self.by_epoch else runner.iter
        resumed = self.file_backend.join_path(
            self.out_dir, self.filename_tmpl.format(done))
        if self.file_backend.isfile(resumed):
            # To be written again when a validation finds it to be the best.
            self.last_ckpt = resumed
        then = (self._resumed.get('record') or {}).get('length')
        if then not in (None, runner.max_iters):
            follow_new_length(runner)
            rate = max(group['lr'] for group in
                       runner.optim_wrapper.optimizer.param_groups)
            runner.logger.info(
                f'The run is {runner.max_iters} iterations long instead of '
                f'{then}: the learning rate follows its schedule over that '
                f'length, now {rate:.3g}; loss weights keep what has begun.')
        if self._record is not None and isinstance(runner.train_loop,
                                                   IterBasedTrainLoop):
            runner.train_loop.dataloader_iterator = ResumedBatches(
                runner.train_loop)
        if not self._resumed.get('validated') and validation_due(runner):
            runner.logger.info('Validating first: the run stopped before it '
                               'had validated this checkpoint.')
            runner.val_loop.run()

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed what the data loader draws when it begins."""
        seed_step(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Seed what the step draws: dropout, mixing of images, ..."""
        seed_step(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put in what the run has consumed; refuse weights not finite."""
        for name, weight in runner.model.named_parameters():
            require(weight.isfinite().all(), 'A checkpoint must hold finite '
                    'weights', f'but after iteration {runner.iter} {name} is '
                    'not finite, so none is written', 'Lower the learning '
                    'rate or clip gradients (`optim_wrapper`), and go on with '
                    '--resume', FloatingPointError)
        checkpoint['meta'][META] = dict(
            record=self._record, validated=self._validated,
            test_pipeline=test_pipeline(runner.cfg))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save as the parent does: these hold what the validation found."""
        self._validated = True
        super()._save_best_checkpoint(runner, metrics)
        self._validated = False

    def _check_interval(self, runner: Runner) -> None:
        if self.interval < 1:
            return
        loop = runner.train_loop
        steps = math.gcd(self.interval, self.save_begin)
        if isinstance(loop, EpochBasedTrainLoop):
            require(self.by_epoch, 'An epoch-based loop goes on from the end '
                    'of an epoch', 'but `default_hooks.checkpoint.by_epoch` '
                    'is False', 'Set it to True, or train by iteration: '
                    '`train_cfg=dict(by_epoch=False, max_iters=...)`')
            steps *= len(loop.dataloader)
        elif self.by_epoch:
            return  # Saves nothing before the end of the run.
        count = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        require(steps % count == 0, 'A checkpoint must fall on an update',
                f'but it falls due every {steps} steps and '
                f'`optim_wrapper.accumulative_counts` is {count}', 'Make it a '
                'multiple, by `epoch` of `train_dataloader.batch_sampler` or '
                '`default_hooks.checkpoint.interval`')
