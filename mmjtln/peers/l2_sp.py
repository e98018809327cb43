"""L2-SP: stay near the weights that training started from."""
from mmengine.runner import Runner

from mmjtln.checks.run import unwrapped
from mmjtln.errors import require
from mmjtln.heads import L2SP
from mmjtln.heads.last_layer import is_of_new_head
from mmjtln.hooks.keeping_hook import KeepingHook
from mmjtln.registry import HOOKS


@HOOKS.register_module()
class L2SPHook(KeepingHook):
    r"""Weight decay towards the start of the run: L2-SP.

    .. math::
        \Omega(w) = \frac{\alpha}{2} \|w_S - w_S^0\|^2
        + \frac{\beta}{2} \|w_{\bar S}\|^2

    :math:`w_{\bar S}` are the parameters of the new head, ``head``,
    :math:`w_S` all others and :math:`w_S^0` their values before the first
    step, which checkpoints hold. The strengths are the optimizer's own:
    ``weight_decay``, and ``decay_mult`` of ``paramwise_cfg.custom_keys``. The
    authors' are :math:`\alpha` = 0.1 (0.01 in other codes) and :math:`\beta`
    = 0.01::

        optim_wrapper = dict(
            optimizer=dict(weight_decay=0.1),
            paramwise_cfg=dict(custom_keys={'head.': dict(decay_mult=0.1)}))

    Works with any model, by :class:`~mmjtln.heads.L2SP`.

    Source: X. Li, Y. Grandvalet and F. Davoine, "Explicit Inductive Bias for
    Transfer Learning with Convolutional Networks", ICML 2018, eq. 3.

    Raises:
        ValueError: If the optimizer has no weight decay for them, or a run is
            resumed from a checkpoint without the start.
    """

    # Last before the first step: whatever sets weights has set them.
    priority = 'VERY_LOW'
    key = 'l2_sp_starts'
    l2_sp: L2SP | None = None

    def before_train(self, runner: Runner) -> None:
        """Refuse what would pull nothing."""
        ours = set(map(id, self._parameters(runner).values()))
        require(any(group['weight_decay'] for group in
                runner.optim_wrapper.param_groups if ours & set(map(id,
                group['params']))), 'L2-SP is weight decay', 'but the '
                'optimizer has none for what L2SPHook pulls, all but `head`',
                'Set `optim_wrapper.optimizer.weight_decay`, such as 0.1')

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: object = None) -> None:
        """Take the start before the first step."""
        if self.l2_sp is None:
            self.l2_sp = L2SP(self.kept or self._parameters(runner))
            self.l2_sp.attach(
                unwrapped(runner), runner.optim_wrapper.optimizer)
            self.kept = self.l2_sp.starts

    def _parameters(self, runner: Runner) -> dict:
        model = unwrapped(runner)
        is_head = is_of_new_head(model)
        return {name: parameter for name, parameter in model.named_parameters()
                if not is_head(name)}
