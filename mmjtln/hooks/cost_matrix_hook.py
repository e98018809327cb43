"""Building the cost matrix of a run."""
import os.path as osp

import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmjtln.registry import COSTS, HOOKS

from .runner import is_training, jtln_model


@HOOKS.register_module()
class CostMatrixHook(Hook):
    """Build the cost matrix, hand it to every rank, and save it.

    The builder sees the training data's two data sets and the model as it is
    at that moment (initialised and with ``load_from`` applied). Rank 0's
    matrix is broadcast, so that all ranks hold the same bits, and is written
    to ``<work_dir>/<filename>`` with its class lists and settings. The matrix
    also travels in the model's checkpoints: a resumed run goes on with it and
    builds nothing.

    Args:
        cost (dict): Config of a builder in the registry ``COSTS``, such as
            ``dict(type='mmjtln.MKMMDCost')``.
        begin (int): The epoch at whose start it is built first. With a value
            above 0, the OT term must wait for it:
            ``model.lambda_ot=dict(value=..., begin=...)``. Defaults to 0.
        interval (int, optional): Build it again every so many epochs, from
            the model of that moment. Defaults to None, once.
        filename (str): File in the work directory, a name without folders.
            Defaults to ``'cost_matrix.npz'``.

    Raises:
        ValueError: If ``begin`` is negative, ``interval`` is not positive, or
            ``filename`` leads out of the work directory.
    """

    def __init__(self,
                 cost: dict,
                 begin: int = 0,
                 interval: int | None = None,
                 filename: str = 'cost_matrix.npz') -> None:
        if begin < 0 or (interval is not None and interval < 1):
            raise ValueError(
                'CostMatrixHook needs begin >= 0 and interval >= 1 (or None), '
                f'got begin={begin} and interval={interval}. Mend '
                '`custom_hooks` in the config.')
        if osp.basename(filename) != filename or filename in ('', '.', '..'):
            raise ValueError(
                'CostMatrixHook writes into the work directory, so `filename` '
                f'is a name without folders, got {filename!r}. Mend '
                '`custom_hooks` in the config.')
        self.builder = COSTS.build(cost)
        self.begin = begin
        self.interval = interval
        self.filename = filename

    def before_run(self, runner: Runner) -> None:
        """Let the builder refuse bad input before anything is trained."""
        if not is_training(runner):
            return
        model = jtln_model(runner)
        if model.ot_loss is None:
            raise ValueError(
                'A cost matrix serves the OT loss, but `model.ot_loss` is '
                'None. Remove CostMatrixHook from `custom_hooks`, or set '
                '`model.ot_loss`.')
        if isinstance(runner.train_loop, IterBasedTrainLoop) and (
                self.begin or self.interval is not None):
            raise ValueError(
                'An iteration-based loop has no epochs to count by, but '
                f'CostMatrixHook has begin={self.begin} and '
                f'interval={self.interval}. Leave them out.')
        start = self.begin / runner.max_epochs
        if model.lambda_ot.begin < start:
            raise ValueError(
                'The OT term needs its cost matrix from its first iteration, '
                f'but CostMatrixHook builds it at epoch {self.begin} of '
                f'{runner.max_epochs} and `model.lambda_ot` begins at '
                f'{model.lambda_ot.begin} of the run. Set `begin` in '
                f'`model.lambda_ot=dict(value=..., begin={start:g})`.')
        dataset = runner.train_dataloader.dataset
        self.builder.check(dataset.source, dataset.target, model)

    def before_train(self, runner: Runner) -> None:
        """Forget a matrix that ``load_from`` brought from another run."""
        if runner.iter == 0:
            jtln_model(runner).ot_loss.cost.fill_(float('nan'))

    def before_train_epoch(self, runner: Runner) -> None:
        """Build the matrix when it is due."""
        ot_loss = jtln_model(runner).ot_loss
        epoch = runner.epoch - self.begin
        again = self.interval is not None and epoch % self.interval == 0
        if epoch >= 0 and (again or not ot_loss.has_cost):
            self._build(runner)

    def _build(self, runner: Runner) -> None:
        model = jtln_model(runner)
        dataset = runner.train_dataloader.dataset
        cost = self.builder(dataset.source, dataset.target, model)
        matrix = torch.as_tensor(
            cost.matrix, dtype=model.ot_loss.cost.dtype).to(
                model.ot_loss.cost.device)
        broadcast(matrix)
        model.ot_loss.set_cost(matrix)
        if is_main_process():
            path = osp.join(runner.work_dir, self.filename)
            cost.save(path)
            runner.logger.info(
                f'Cost matrix {cost.matrix.shape[0]} x {cost.matrix.shape[1]} '
                f'by {cost.method} saved to {path}.')
