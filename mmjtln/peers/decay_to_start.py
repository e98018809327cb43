"""Weight decay that pulls parameters to where they started, not to zero."""
import torch
from torch import Tensor, nn


class DecayToStart:
    r"""Let an optimizer's weight decay act on the distance from a start.

    While the optimizer steps, each parameter stands at its distance from the
    start, :math:`w - w_0`; afterwards :math:`w_0` is added again. The
    gradient is of before and does not change. So the decay :math:`\lambda`
    that the optimizer has for a parameter, coupled as in SGD or decoupled as
    in AdamW, with clipping, accumulation and mixed precision as ever, is that
    of the penalty :math:`\frac{\lambda}{2} \|w - w_0\|^2`. Parameters that
    have no gradient, because they are frozen, are not touched.

    Args:
        optimizer (torch.optim.Optimizer): The optimizer.
        parameters (dict[str, nn.Parameter]): Those that are pulled.
        start (dict[str, Tensor], optional): Where to, same names and shapes.
            Defaults to None, where they are now.
    """

    def __init__(self,
                 optimizer: torch.optim.Optimizer,
                 parameters: dict[str, nn.Parameter],
                 start: dict[str, Tensor] | None = None) -> None:
        start = parameters if start is None else start
        self.parameters = parameters
        self.start = {name: start[name].detach().clone().to(parameter.device)
                      for name, parameter in parameters.items()}
        self._moved = []
        optimizer.register_step_pre_hook(self._leave_start)
        optimizer.register_step_post_hook(self._return)

    @torch.no_grad()
    def _leave_start(self, *_: object) -> None:
        self._moved = [name for name, parameter in self.parameters.items()
                       if parameter.grad is not None]
        for name in self._moved:
            self.parameters[name].sub_(self.start[name])

    @torch.no_grad()
    def _return(self, *_: object) -> None:
        for name in self._moved:
            self.parameters[name].add_(self.start[name])
