"""Source images weighted by what their classes have to do with the target."""
import numpy as np
import torch
from mmengine.dist import broadcast
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch import Tensor

from mmjtln.checks.run import is_training, unwrapped
from mmjtln.datasets import JointSampler
from mmjtln.datasets.class_lists import quote_names
from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import require
from mmjtln.heads.transported import class_plan
from mmjtln.hooks.keeping_hook import KeepingHook
from mmjtln.ot.checks import check_options, relaxations
from mmjtln.registry import COSTS, HOOKS


def class_weights(cost: Tensor, source_share: Tensor, target_share: Tensor,
                  reg: float, relax: float | None) -> Tensor:
    """Return the mass that a plan gives each source class, over its share.

    Shape (L_s, ), float64; the mean over the source images is 1.
    """
    mass = class_plan(cost, reg, relax, source_share, target_share).sum(dim=1)
    return mass / mass.sum() / source_share.double()


@HOOKS.register_module()
class SourceWeightsHook(KeepingHook):
    r"""Draw source images by the weight of their class for the target.

    Before the first step a cost matrix is built, its plan G gives each source
    class a mass, and :class:`~mmjtln.datasets.JointSampler` then draws the
    images of class i by the weight

    .. math:: w_i = \frac{\sum_j G_{ij}}{P_s(i)}

    with the share :math:`P_s` of the class. Checkpoints hold the weights. By
    default and with the cost ``dict(type='mmjtln.ConfusionCost',
    double_centre=False, scale=False)`` of a trained source head they are
    those of J. Ngiam et al., "Domain Adaptive Transfer Learning with
    Specialist Models", arXiv:1811.07056, equation 4. For any other cost,
    ``reg`` and ``relax`` about 0.05 make what is near to everything share.

    Args:
        cost (dict): Config of a builder in the registry ``COSTS``.
        reg (float): Weight of the entropy. Defaults to 1.
        relax (float, optional): Weight of the source's marginal. With 0 each
            target class takes what is near to it; with None all weights are
            1. Defaults to 0.

    Raises:
        ValueError: If the run does not draw from source images by a
            JointSampler that shuffles, or is resumed from a checkpoint
            without the weights.
    """

    # After hooks that set weights, before those that restore the order.
    priority = 'NORMAL'
    key = 'source_class_weights'

    def __init__(self, cost: dict, reg: float = 1.,
                 relax: float | None = 0.) -> None:
        check_options(reg, 1, 1.)
        relaxations(relax)
        self.builder = COSTS.build(cost)
        self.reg = reg
        self.relax = relax

    def before_run(self, runner: Runner) -> None:
        """Refuse bad input before anything is trained."""
        if not is_training(runner):
            return
        sampler = runner.train_dataloader.batch_sampler
        require(isinstance(sampler, JointSampler) and sampler.sampler.shuffle
                and sampler.per_batch[SOURCE],
                'SourceWeightsHook weighs the draw of source images', 'but '
                'this run has none in shuffled batches of a JointSampler',
                'Set `train_dataloader.batch_sampler`, or remove the hook '
                'from `custom_hooks`')
        dataset = runner.train_dataloader.dataset
        self.builder.check(dataset.source, dataset.target, unwrapped(runner))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Draw with the weights of the run that is resumed."""
        super().after_load_checkpoint(runner, checkpoint)
        if self.kept is not None:
            self._draw(runner)

    def before_train(self, runner: Runner) -> None:
        """Find the weights of a new run."""
        if self.kept is not None:
            return
        dataset = runner.train_dataloader.dataset
        cost = self.builder(dataset.source, dataset.target, unwrapped(runner))
        source, target = (
            torch.from_numpy(np.bincount(labels, minlength=size) / len(labels))
            for labels, size in zip(map(dataset.gt_labels, (SOURCE, TARGET)),
                                    cost.matrix.shape, strict=True))
        present = source > 0
        weights = torch.zeros(len(present), dtype=torch.float64)
        weights[present] = class_weights(
            torch.as_tensor(cost.matrix)[present], source[present], target,
            self.reg, self.relax)
        broadcast(weights)
        self.kept = weights
        self._draw(runner)
        order = weights.argsort(descending=True)[:5].tolist()
        runner.logger.info('Source classes drawn most often: ' + quote_names(
            [f'{cost.source_classes[i]} (x {weights[i]:.2f})' for i in order]))
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            # Its loader began to draw when it was built.
            runner.train_loop.dataloader_iterator = (
                _InfiniteDataloaderIterator(runner.train_dataloader))

    def _draw(self, runner: Runner) -> None:
        loader = runner.train_dataloader
        labels = loader.dataset.gt_labels(SOURCE)
        loader.batch_sampler.source_weights = self.kept.numpy()[labels]
