"""Source images weighted by what their classes have to do with the target."""
import numpy as np
import torch
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch import Tensor

from mmjtln.datasets import JointSampler
from mmjtln.datasets.class_lists import quote_names
from mmjtln.domains import SOURCE, TARGET
from mmjtln.hooks.runner import is_training, resumed_value, unwrapped
from mmjtln.ot import sinkhorn
from mmjtln.ot.checks import check_options
from mmjtln.ot.side import relaxations
from mmjtln.registry import COSTS, HOOKS

_KEY = 'source_class_weights'
_MAX_ITER, _TOL = 10000, 1e-6


def class_weights(cost: Tensor, source_share: Tensor, target_share: Tensor,
                  reg: float, relax: float | None) -> Tensor:
    r"""Return the mass that a plan gives each source class, over its share.

    .. math::
        w_i = \frac{\sum_j G_{ij}}{P_s(i)}, \qquad
        G = \arg\min_{G^T 1 = P_t}
        \langle G, C\rangle - reg\, H(G) + relax\, KL(G 1 | P_s)

    Args:
        cost (Tensor): C, shape (L_s, L_t).
        source_share (Tensor): :math:`P_s`, shape (L_s, ), positive.
        target_share (Tensor): :math:`P_t`, shape (L_t, ).
        reg (float): Weight of the entropy, in units of the cost.
        relax (float, optional): Weight of the source's penalty, likewise. 0:
            each target class takes what is near to it; None: all source
            classes are used up, and all weights are 1.

    Returns:
        Tensor: Shape (L_s, ), float64; their mean over the source images
        is 1.
    """
    result = sinkhorn(
        source_share.double().log()[None], target_share.double().log()[None],
        cost.double(), reg, _MAX_ITER, _TOL, relax=dict(source=relax))
    mass = result.plan(0).sum(dim=1)
    return mass / mass.sum() / source_share.double()


@HOOKS.register_module()
class SourceWeightsHook(Hook):
    r"""Draw source images by the weight of their class for the target.

    Before the first step a cost matrix is built, its plan gives each source
    class a mass, and :class:`~mmjtln.datasets.JointSampler` then draws the
    images of a class in proportion to mass over share,
    :func:`class_weights`. The joint loss needs no weight of its own.

    - **By predictions**, J. Ngiam et al., "Domain Adaptive Transfer Learning
      with Specialist Models", arXiv:1811.07056, equation 4:
      :math:`P_t(y) / P_s(y)` with :math:`P_t` the mean prediction of a source
      classifier on the target's images. That is the case of its own relation
      as cost, ``dict(type='mmjtln.ConfusionCost', calibrate=False,
      double_centre=False, scale=False)``, with ``reg=1`` and ``relax=0``,
      which are the defaults of the two. It needs a trained source head.
    - **By the transport plan** of any cost matrix, such as one from class
      names, ``reg`` and ``relax`` about 0.05: what is near to everything has
      to share.

    Checkpoints hold the weights: a resumed run draws on as it would have.

    Args:
        cost (dict): Config of a builder in the registry ``COSTS``.
        reg (float): Weight of the entropy. Defaults to 1.
        relax (float, optional): See :func:`class_weights`. Defaults to 0.

    Raises:
        ValueError: If the run does not draw from source images by a
            JointSampler that shuffles, or is resumed from a checkpoint
            without the weights.
    """

    # After hooks that set weights, before those that restore the order.
    priority = 'NORMAL'

    def __init__(self, cost: dict, reg: float = 1.,
                 relax: float | None = 0.) -> None:
        check_options(reg, _MAX_ITER, _TOL)
        relaxations(relax)
        self.builder = COSTS.build(cost)
        self.reg = reg
        self.relax = relax
        self.weights = None

    def before_run(self, runner: Runner) -> None:
        """Refuse bad input before anything is trained."""
        if not is_training(runner):
            return
        loader = runner.train_dataloader
        sampler = loader.batch_sampler
        if not (isinstance(sampler, JointSampler) and sampler.sampler.shuffle
                and sampler.per_batch[SOURCE]):
            raise ValueError(
                'SourceWeightsHook weighs the draw of source images, which '
                'this run has not: it needs source images in batches of a '
                'JointSampler (`train_dataloader.batch_sampler`), shuffled '
                '(`train_dataloader.sampler`). Or remove the hook from '
                '`custom_hooks`.')
        dataset = loader.dataset
        self.builder.check(dataset.source, dataset.target, unwrapped(runner))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Draw with the weights of the run that is resumed."""
        if not is_training(runner) or not runner._resume:
            return
        self._draw_by(runner, resumed_value(
            checkpoint, _KEY, 'A run whose source images are weighted goes '
            'on with the weights in its checkpoint', 'SourceWeightsHook'))

    def before_train(self, runner: Runner) -> None:
        """Find the weights of a new run."""
        if self.weights is not None:
            return
        dataset = runner.train_dataloader.dataset
        cost = self.builder(dataset.source, dataset.target, unwrapped(runner))
        shares = {
            domain: torch.from_numpy(np.bincount(
                dataset.gt_labels(domain), minlength=size) / len(
                    dataset.gt_labels(domain)))
            for domain, size in zip((SOURCE, TARGET), cost.matrix.shape,
                                    strict=True)
        }
        present = shares[SOURCE] > 0
        weights = torch.zeros(len(present), dtype=torch.float64)
        weights[present] = class_weights(
            torch.as_tensor(cost.matrix)[present], shares[SOURCE][present],
            shares[TARGET], self.reg, self.relax)
        broadcast(weights)
        self._draw_by(runner, weights)
        order = weights.argsort(descending=True)[:5].tolist()
        runner.logger.info('Source classes drawn most often: ' + quote_names(
            f'{cost.source_classes[i]} (x {weights[i]:.2f})' for i in order))
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            # Its loader began to draw when it was built.
            runner.train_loop.dataloader_iterator = (
                _InfiniteDataloaderIterator(runner.train_dataloader))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the weights."""
        checkpoint[_KEY] = self.weights

    def _draw_by(self, runner: Runner, weights: Tensor) -> None:
        self.weights = weights
        loader = runner.train_dataloader
        labels = loader.dataset.gt_labels(SOURCE)
        loader.batch_sampler.source_weights = weights.numpy()[labels]
