"""Weight decay towards where training began, in place of zero."""
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mmjtln.errors import check_real, refusal, require

#: Optimizers whose step depends on a weight's own size, or comes back to it.
_REFUSED = ('lars', 'lamb', 'lbfgs', 'adafactor')


class L2SP:
    r"""Pull parameters towards their start in each optimizer step (L2-SP).

    .. math:: \frac{\alpha}{2} \sum_w \|w - w_0\|^2

    Source: X. Li, Y. Grandvalet and F. Davoine, "Explicit Inductive Bias for
    Transfer Learning with Convolutional Networks", ICML 2018, equation 3.

    It works as weight decay does, within the step: the logged loss and its
    gradient do not hold it. The optimizer's own ``weight_decay`` pulls these
    parameters towards their start as well, not towards zero, coupled (SGD) as
    decoupled (AdamW); ``strength`` comes on top of it.

    Args:
        starts (Mapping[str, Tensor]): By the parameter's name, of its shape.
            Kept as copies.
        strength (float): :math:`\alpha`, not negative. Defaults to 0, the
            optimizer's own weight decay alone.
    """

    def __init__(self, starts: Mapping[str, Tensor],
                 strength: float = 0.) -> None:
        check_real(strength, 'strength', 'L2SP')
        self.starts = {name: start.detach().clone()
                       for name, start in starts.items()}
        self.strength = strength

    def attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Act on a model, not wrapped, in every step of its optimizer.

        Raises:
            ValueError: If a parameter is missing or of another shape, or the
                optimizer's step is not one that L2-SP can be added to.
        """
        self._check_optimizer(optimizer)
        parameters = dict(model.named_parameters())
        pairs = []
        for name, start in self.starts.items():
            found = parameters.get(name)
            if found is None or found.shape != start.shape:
                raise refusal(
                    'Each start must be that of a parameter of the model',
                    f'but `{name}` with shape {tuple(start.shape)} is '
                    f'{None if found is None else tuple(found.shape)} there',
                    'Use the checkpoint of a run with this model')
            pairs.append((found, start.to(found)))
        taken = optimizer.__dict__.setdefault('l2_sp_starts', set())
        double = sorted(taken & self.starts.keys())
        require(not double, 'A parameter has one start that it is pulled to',
                f'but {double[:3]} have two',
                'Keep one of the hooks that set it in `custom_hooks`')
        taken.update(self.starts)

        # A step depends on a weight's value through its decay alone, so
        # that of w - w_0 decays towards w_0.
        @torch.no_grad()
        def before(*_: Any) -> None:
            for parameter, start in pairs:
                parameter.sub_(start)
                if self.strength and parameter.grad is not None:
                    parameter.grad.add_(parameter, alpha=self.strength)

        @torch.no_grad()
        def after(*_: Any) -> None:
            for parameter, start in pairs:
                parameter.add_(start)

        optimizer.register_step_pre_hook(before)
        optimizer.register_step_post_hook(after)

    def _check_optimizer(self, optimizer: Optimizer) -> None:
        """Refuse an optimizer whose step takes a weight for what it is."""
        name = type(optimizer).__name__
        require(name.lower() not in _REFUSED,
                'L2-SP needs an optimizer whose step depends on the gradient '
                'and on weight decay alone', f'got {name}',
                'Set `optim_wrapper.optimizer.type` to SGD or AdamW')
        # It unscales gradients within its step.
        require(not (self.strength and optimizer.defaults.get('fused')),
                'Nothing can be added to the gradients of a fused optimizer',
                f'got {name}(fused=True)',
                'Leave `fused` out of `optim_wrapper.optimizer`')
