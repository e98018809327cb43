"""L2-SP: stay near the weights that training started from."""
from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmjtln.heads import L2SP
from mmjtln.heads.last_layer import is_of_new_head
from mmjtln.hooks.runner import resumed_value, unwrapped
from mmjtln.registry import HOOKS

_KEY = 'l2_sp_starts'


@HOOKS.register_module()
class L2SPHook(Hook):
    r"""Weight decay towards the start of the run: L2-SP.

    .. math::
        \Omega(w) = \frac{\alpha}{2} \|w_S - w_S^0\|^2
        + \frac{\beta}{2} \|w_{\bar S}\|^2

    :math:`w_S` are the parameters of ``parts``, :math:`w_S^0` their values
    before the first step, :math:`w_{\bar S}` the others. The strengths are the
    optimizer's own, which MMEngine has for each part: ``weight_decay``, and
    ``decay_mult`` of ``paramwise_cfg.custom_keys``. The authors' are
    :math:`\alpha` = 0.1 (0.01 in other codes) and :math:`\beta` = 0.01::

        optim_wrapper = dict(
            optimizer=dict(weight_decay=0.1),
            paramwise_cfg=dict(custom_keys={'head.': dict(decay_mult=0.1)}))

    (``'head.'`` is part of ``'source_head.'``, too; a longer key goes first.)
    With AdamW the decay is decoupled, as it is towards zero.

    Source: X. Li, Y. Grandvalet and F. Davoine, "Explicit Inductive Bias for
    Transfer Learning with Convolutional Networks", ICML 2018, eq. 3.

    Works with any model, stock or JTLN, and any backbone. Checkpoints hold
    the start, so that a resumed run is pulled to the same. How it is done:
    :class:`~mmjtln.heads.L2SP`.

    Args:
        parts (Sequence[str], optional): Modules of the model that are pulled,
            such as ``('backbone', 'neck')``. Defaults to None: all but the
            new head, ``head``.

    Raises:
        ValueError: If the model has no parameter of such a part, the
            optimizer has no weight decay for any, or a run is resumed from a
            checkpoint without the start.
    """

    # Last before the first step: whatever sets weights has set them.
    priority = 'VERY_LOW'

    def __init__(self, parts: Sequence[str] | None = None) -> None:
        self.parts = None if parts is None else tuple(parts)
        self.l2_sp = None
        self._resumed = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on with the start of the run that is resumed."""
        if not runner._resume:
            return
        self._resumed = resumed_value(
            checkpoint, _KEY, 'L2-SP pulls towards the start of the run, '
            'which a checkpoint of such a run holds', 'L2SPHook')

    def before_train(self, runner: Runner) -> None:
        """Refuse what would pull nothing."""
        parameters = self._parameters(runner)
        if not parameters:
            raise ValueError(
                f'L2SPHook pulls the parts {self.parts or "but `head`"} of '
                'the model, but they have no parameter. Set `parts` to names '
                "of the model's modules, such as ('backbone', 'neck').")
        ours = set(map(id, parameters.values()))
        if not any(group['weight_decay']
                   for group in runner.optim_wrapper.param_groups
                   if ours & set(map(id, group['params']))):
            raise ValueError(
                'L2-SP is weight decay, but the optimizer has none for the '
                'parts that L2SPHook pulls. Set '
                '`optim_wrapper.optimizer.weight_decay`, such as 0.1.')

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: object = None) -> None:
        """Take the start before the first step."""
        if self.l2_sp is None:
            self.l2_sp = L2SP(self._resumed or self._parameters(runner))
            self.l2_sp.attach(
                unwrapped(runner), runner.optim_wrapper.optimizer)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the start."""
        if self.l2_sp is not None:
            checkpoint[_KEY] = self.l2_sp.starts

    def _parameters(self, runner: Runner) -> dict:
        model = unwrapped(runner)
        is_head = is_of_new_head(model)
        return {
            name: parameter for name, parameter in model.named_parameters()
            if (not is_head(name) if self.parts is None else
                name.startswith(tuple(f'{part}.' for part in self.parts)))
        }
