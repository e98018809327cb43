"""How a network computes: batch normalization, the layout of its memory."""
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

from mmjtln.errors import require
from mmjtln.registry import HOOKS


@HOOKS.register_module()
class NormEvalHook(Hook):
    """Normalise by the running statistics of the start while training.

    What MMPretrain's ResNet calls ``norm_eval``, for any backbone. The
    statistics of a batch of a few images, again and again the same, are those
    of no other batch. The layers' weights are trained.
    """

    # After hooks that call train(), such as LPFTHook.
    priority = 'LOW'

    def before_train(self, runner: Runner) -> None:
        """Find the layers, and refuse a model without any."""
        self._layers = [module for module in runner.model.modules()
                        if isinstance(module, _BatchNorm)]
        require(self._layers, 'NormEvalHook is for batch normalization',
                'but this model has none', 'Remove it from `custom_hooks`')

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: object = None) -> None:
        """Undo what the loop's train() does to them."""
        for layer in self._layers:
            layer.training = False


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep images' channels side by side in memory (``channels_last``).

    The values agree up to rounding; what time it takes is in
    tools/benchmarks/README.md.
    """

    def before_train(self, runner: Runner) -> None:
        """Change the weights' layout, which decides on that of features."""
        # Not earlier: random weights are drawn in the order of memory.
        runner.model.to(memory_format=torch.channels_last)
