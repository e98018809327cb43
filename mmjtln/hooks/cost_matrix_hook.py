"""Building the cost matrix of a run."""
import os.path as osp

import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmjtln.registry import COSTS, HOOKS
from mmjtln.visualization.heatmap import draw_cost
from mmjtln.visualization.png import write_png

from .runner import is_training, jtln_model


@HOOKS.register_module()
class CostMatrixHook(Hook):
    """Build the cost matrix, hand it to every rank, and save it.

    It is built before the first iteration that needs it, the one at which
    ``model.lambda_ot`` has begun. The builder sees the training data's two
    data sets and the model as it is at that moment (initialised, with
    ``load_from`` applied, and trained up to there). Rank 0's
    matrix is broadcast, so that all ranks hold the same bits, and is written
    to ``<work_dir>/<filename>`` with its class lists and settings, and drawn
    beside it (``cost_matrix.png``). The matrix also travels in the model's
    checkpoints: a resumed run goes on with it and builds nothing.

    Args:
        cost (dict): Config of a builder in the registry ``COSTS``, such as
            ``dict(type='mmjtln.MKMMDCost')``.
        interval (int, optional): Build it again every so many epochs (of an
            iteration-based loop: iterations), from the model of that moment.
            Defaults to None, once.
        filename (str): File in the work directory, a name without folders.
            Defaults to ``'cost_matrix.npz'``.

    Raises:
        ValueError: If ``interval`` is not positive, or ``filename`` leads out
            of the work directory.
    """

    def __init__(self,
                 cost: dict,
                 interval: int | None = None,
                 filename: str = 'cost_matrix.npz') -> None:
        if interval is not None and interval < 1:
            raise ValueError(
                'CostMatrixHook needs interval >= 1 (or None), got '
                f'interval={interval}. Set it in `custom_hooks`.')
        if osp.basename(filename) != filename or filename in ('', '.', '..'):
            raise ValueError(
                'CostMatrixHook writes into the work directory, so `filename` '
                f'is a name without folders, got {filename!r}. Set '
                '`custom_hooks` in the config.')
        self.builder = COSTS.build(cost)
        self.interval = interval
        self.filename = filename
        self._built = False

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
        if sum(isinstance(hook, CostMatrixHook) for hook in runner.hooks) > 1:
            raise ValueError(
                'A run has one cost matrix, but `custom_hooks` has several '
                'CostMatrixHooks. Keep one; mmjtln.CompositeCost adds up '
                'several costs.')
        # A runner that has trained tests with the matrix of this hook.
        if model.ot_loss.has_cost and not self._built:
            raise ValueError(
                'A run has one cost matrix, but `model.ot_loss.cost` gives '
                'one and CostMatrixHook would build another. Remove either.')
        dataset = runner.train_dataloader.dataset
        self.builder.check(dataset.source, dataset.target, model)

    def before_train(self, runner: Runner) -> None:
        """Forget a matrix that ``load_from`` brought from another run."""
        ot_loss = jtln_model(runner).ot_loss
        if runner.iter == 0:
            ot_loss.cost.fill_(float('nan'))
        self._built = ot_loss.has_cost

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Build the matrix when it is due."""
        begun = runner.iter - jtln_model(runner).lambda_ot.first_iter()
        if begun < 0:
            return
        unit = len(runner.train_dataloader) if isinstance(
            runner.train_loop, EpochBasedTrainLoop) else 1
        again = (
            self.interval is not None and begun % (self.interval * unit) == 0)
        if again or not self._built:
            self._build(runner)
            self._built = True

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
            picture = osp.splitext(path)[0] + '.png'
            write_png(draw_cost(cost), picture)
            runner.logger.info(
                f'Cost matrix {cost.matrix.shape[0]} x {cost.matrix.shape[1]} '
                f'by {cost.method} saved to {path}, drawn to {picture}.')
