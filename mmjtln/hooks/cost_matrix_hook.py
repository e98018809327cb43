"""Building the cost matrix of a run."""
import os.path as osp

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.checks.run import is_training, jtln_model
from mmjtln.costs import ImageCost
from mmjtln.errors import require
from mmjtln.registry import COSTS, HOOKS
from mmjtln.run_config import names_weights
from mmjtln.visualization.heatmap import write_cost


@HOOKS.register_module()
class CostMatrixHook(Hook):
    """Build the cost matrix once, on rank 0 for all, and save it.

    It is built before the iteration at which ``model.lambda_ot`` begins, from
    the training data's two data sets and the model as it is at that moment.
    It is written to the work directory, with its class lists and settings
    (``cost_matrix.npz``) and as a picture (``cost_matrix.png``). A resumed run
    has it from its checkpoint.

    Args:
        cost (dict): Config of a builder in the registry ``COSTS``, such as
            ``dict(type='mmjtln.MKMMDCost')``.
    """

    def __init__(self, cost: dict) -> None:
        self.builder = COSTS.build(cost)
        self._built = False

    def before_run(self, runner: Runner) -> None:
        """Let the builder refuse bad input before anything is trained."""
        if not is_training(runner):
            return
        model = jtln_model(runner)
        require(model.ot_loss is not None, 'A cost matrix serves the OT loss',
                'but `model.ot_loss` is None', 'Set it, or remove '
                'CostMatrixHook from `custom_hooks`')
        count = sum(isinstance(hook, CostMatrixHook) for hook in runner.hooks)
        require(count == 1, 'A run has one cost matrix', 'but `custom_hooks` '
                f'has {count} CostMatrixHooks', 'Keep one')
        # A runner that has trained tests with the matrix of this hook.
        require(self._built or not model.ot_loss.has_cost,
                'A run has one cost matrix', 'but `model.ot_loss.cost` gives '
                'one and CostMatrixHook would build another', 'Remove either')
        dataset = runner.train_dataloader.dataset
        self.builder.check(dataset.source, dataset.target, model)
        builder = getattr(self.builder, 'builder', self.builder)  # Shuffled.
        if (model.lambda_ot.begin == 0 and runner._load_from is None
                and not runner._resume
                and not names_weights(runner.cfg.get('model'))
                and isinstance(builder, ImageCost) and builder.model is None):
            runner.logger.warning(
                'The cost matrix will be built from what the network makes of '
                'images before it is trained, with random weights. Set '
                '`load_from` or an `init_cfg` of the backbone to trained '
                'ones, or let the OT term begin later: '
                '`model.lambda_ot=dict(value=..., begin=0.4)`.')

    def before_train(self, runner: Runner) -> None:
        """Forget a matrix that ``load_from`` brought from another run."""
        ot_loss = jtln_model(runner).ot_loss
        if runner.iter == 0:
            ot_loss.cost.fill_(float('nan'))
        self._built = ot_loss.has_cost

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: dict | None = None) -> None:
        """Build the matrix when it is due."""
        model = jtln_model(runner)
        if self._built or runner.iter < model.lambda_ot.first_iter():
            return
        dataset = runner.train_dataloader.dataset
        cost = self.builder(dataset.source, dataset.target, model)
        model.ot_loss.set_cost(cost)
        self._built = True
        if is_main_process():
            path = osp.join(runner.work_dir, 'cost_matrix.npz')
            picture = osp.join(runner.work_dir, 'cost_matrix.png')
            cost.save(path)
            write_cost(cost, picture)
            runner.logger.info(
                f'Cost matrix {cost.matrix.shape[0]} x {cost.matrix.shape[1]} '
                f'by {cost.method} saved to {path}, drawn to {picture}.')
