"""Rule: a config says all that a training run needs, before it is built."""
import logging

from mmengine.config import Config
from mmengine.logging import print_log

from mmjtln.run_config import with_registered_names


def check_config(cfg: Config) -> None:
    """Refuse a run without what it cannot do without.

    The hooks that look at a run cannot say that they are not there. Without
    a cost matrix, the OT loss would fail only where ``lambda_ot`` begins.

    Args:
        cfg (Config): That of a training run.

    Raises:
        ValueError: If nothing gives the OT loss a cost matrix, or the seed is
            none.
    """
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None and (
            type(seed) is not int or not 0 <= seed < 2**32):
        raise ValueError(
            'The seed of a run must be a whole number in [0, 2**32), but '
            f'`randomness.seed` is {seed!r}. Set it to one, or to None: one '
            'is drawn.')
    cfg = with_registered_names(cfg)
    model = cfg.get('model') or {}
    if model.get('type') != 'mmjtln.JTLNClassifier':
        return
    hooks = {hook.get('type') for hook in cfg.get('custom_hooks') or ()
             if isinstance(hook, dict)}
    ot_loss = model.get('ot_loss', {})
    if (ot_loss is not None and ot_loss.get('cost') is None
            and 'mmjtln.CostMatrixHook' not in hooks
            and not cfg.get('load_from') and not cfg.get('resume')):
        raise ValueError(
            'The OT loss needs a cost matrix, which says how unrelated each '
            'source class is to each target class, but `custom_hooks` has no '
            'CostMatrixHook to build it, and neither `model.ot_loss.cost` nor '
            "a checkpoint gives one. Add dict(type='mmjtln.CostMatrixHook', "
            'cost=dict(type=...)) to `custom_hooks`, or train jointly without '
            'the OT term: `model.ot_loss=None`.')
    if 'mmjtln.ClassCheckHook' not in hooks:
        print_log(
            '`custom_hooks` has no ClassCheckHook: nothing compares heads, '
            'data, labels, metrics and checkpoints before the first step, and '
            'what does not fit gives wrong figures without a word. Add '
            "dict(type='mmjtln.ClassCheckHook').",
            logger='current', level=logging.WARNING)
