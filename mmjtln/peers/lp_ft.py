"""LP-FT: fit the head on the frozen network, then tune all."""
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmjtln.checks.run import unwrapped
from mmjtln.errors import check_real
from mmjtln.heads.last_layer import is_of_new_head
from mmjtln.registry import HOOKS


@HOOKS.register_module()
class LPFTHook(Hook):
    r"""Train the head alone first: linear probing, then fine-tuning.

    .. math::
        \min_v L(v, B_0), \quad\text{then}\quad \min_{v, B} L(v, B)
        \;\text{ from }\; (v_{LP}, B_0)

    with the head :math:`v` and the network :math:`B`. While it is frozen, the
    network is in evaluation mode, so its weights and statistics stay. The
    schedule of the learning rate runs on over both parts: with one that
    decays, all is tuned at the smaller rate that the method wants. Works with
    any model.

    Source: A. Kumar et al., "Fine-Tuning can Distort Pretrained Features and
    Underperform Out-of-Distribution", ICLR 2022, section 3.4.

    Args:
        share (float): Part of the run's steps for the head alone, in (0, 1].
            With 1 it is linear probing. Defaults to 0.5.
    """

    # Before hooks that look at what is trained.
    priority = 'HIGH'

    def __init__(self, share: float = 0.5) -> None:
        check_real(share, 'share', 'LPFTHook in `custom_hooks`', high=1,
                   with_low=False, with_high=True)
        self.share = share
        self._frozen: list[Any] = []
        self._modules: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Freeze the network, unless its part of the run has begun."""
        if runner.iter >= self._begin(runner):
            return
        model = unwrapped(runner)
        is_head = is_of_new_head(model)
        self._frozen = [
            parameter for name, parameter in model.named_parameters()
            if parameter.requires_grad and not is_head(name)]
        self._modules = [module for name, module in model.named_modules()
                         if name and not is_head(f'{name}.')]
        self._set_trained(runner, False)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: object = None) -> None:
        """Keep the network in evaluation mode, or let it learn from here."""
        if not self._frozen:
            return
        if runner.iter >= self._begin(runner):
            self._set_trained(runner, True)
            self._frozen = self._modules = []
            runner.model.train()
        for module in self._modules:
            # The loop has called train(). Not eval(), which is for all in a
            # module: a backbone can hold the classifier.
            module.training = False

    def _begin(self, runner: Runner) -> int:
        """Return the step from which all is tuned."""
        return round(self.share * runner.max_iters)

    def _set_trained(self, runner: Runner, trained: bool) -> None:
        for parameter in self._frozen:
            parameter.requires_grad_(trained)
            parameter.grad = None
        if is_model_wrapper(runner.model):
            # DistributedDataParallel waits for the gradients of what was
            # trained when it was built.
            runner.model = runner.wrap_model(
                runner.cfg.get('model_wrapper_cfg'), runner.model.module)
