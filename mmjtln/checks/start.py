"""What must hold of a run's config, cost matrix and checkpoint."""
import logging

from mmengine.config import Config
from mmengine.logging import print_log
from mmpretrain.registry import OPTIMIZERS

from mmjtln.checkpoints.weights import state_of
from mmjtln.datasets.class_lists import (
    checkpoint_meta,
    describe_difference,
    domain_classes,
)
from mmjtln.domains import DOMAINS
from mmjtln.errors import check_count, refusal, require
from mmjtln.run_config import is_jtln, parts_of_type

from .run import Run

_NEEDS_COST = ('The OT loss needs a cost matrix, which says how unrelated '
               'each source class is to each target class')
_BUILD_COST = (
    "Add dict(type='mmjtln.CostMatrixHook', cost=dict(type=...)) to "
    '`custom_hooks`, or train without the OT term: `model.ot_loss=None`')
_OTHER_CLASSES = (
    'Use its own config and data. For other classes, export it by `tools/'
    'export.py --domain source` and set `load_from` to the result, with '
    'StockCheckpointHook in `custom_hooks`, or take its backbone alone: '
    "`model.backbone.init_cfg=dict(type='Pretrained', checkpoint=..., "
    "prefix='backbone.')`")


def seed(cfg: Config) -> None:
    """The seed is a whole number in [0, 2**32), or None."""
    value = (cfg.get('randomness') or {}).get('seed')
    require(value is None or type(value) is int and 0 <= value < 2**32,
            'The seed of a run must be a whole number in [0, 2**32)',
            f'but `randomness.seed` is {value!r}', 'Set it to one, or to None')


def lengths(cfg: Config) -> None:
    """The run has a length, validates, and its optimizer is known."""
    for name in ('max_epochs', 'max_iters', 'val_interval'):
        value = (cfg.get('train_cfg') or {}).get(name)
        if value is not None:
            check_count(value, name, '`train_cfg`')
    kind = ((cfg.get('optim_wrapper') or {}).get('optimizer') or {}).get(
        'type')
    require(not isinstance(kind, str) or OPTIMIZERS.get(kind),
            '`optim_wrapper.optimizer.type` must be a registered optimizer',
            f'but {kind!r} is none', 'Set it to one, such as SGD or AdamW')


def batches(cfg: Config) -> None:
    """What a batch sampler decides is not set of its loader."""
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader') or {}
        for name in ('drop_last', 'shuffle'):
            require(not loader.get(name) or not loader.get('batch_sampler'),
                    f'`{name}` of `{split}_dataloader` is decided by its '
                    f'batch sampler', f'got {loader.get(name)}', 'Leave it '
                    f'out, or set it of the samplers of `{split}_dataloader`')


def cost_source(cfg: Config) -> None:
    """The OT loss is given a cost matrix, by a hook, a file or itself."""
    # Else it would fail only where `lambda_ot` begins.
    ot_loss = (cfg.get('model') or {}).get('ot_loss', {})
    if is_jtln(cfg) and ot_loss is not None:
        require(ot_loss.get('cost') is not None or cfg.get('load_from')
                or cfg.get('resume') or _has_hook(cfg, 'CostMatrixHook'),
                _NEEDS_COST, 'but `custom_hooks` has no CostMatrixHook, and '
                'neither `model.ot_loss.cost` nor a checkpoint gives one',
                _BUILD_COST)


def class_check(cfg: Config) -> None:
    """There is a ClassCheckHook (else only a warning)."""
    if is_jtln(cfg) and not _has_hook(cfg, 'ClassCheckHook'):
        print_log('`custom_hooks` has no ClassCheckHook: nothing compares '
                  'heads, data, labels, metrics and checkpoints before the '
                  "first step. Add dict(type='mmjtln.ClassCheckHook').",
                  logger='current', level=logging.WARNING)


def _has_hook(cfg: Config, name: str) -> bool:
    return any(parts_of_type(cfg.get('custom_hooks'), name))


def cost_matrix(run: Run) -> None:
    """The OT loss has a cost matrix, or a hook that builds one."""
    ot_loss = run.model.ot_loss
    require(ot_loss is None or ot_loss.has_cost
            or run.has_hook('CostMatrixHook'), _NEEDS_COST,
            'but it has none and no hook builds one', _BUILD_COST)


def all_weights(run: Run, checkpoint: dict) -> None:
    """A run that tests or resumes gets every weight of its model."""
    # MMEngine loads what fits and only warns of the rest. The one head of a
    # stock checkpoint is another's business; only training needs the cost.
    if run.trains and not run.runner._resume:
        return
    state, own = state_of(checkpoint), run.model.state_dict()
    heads = () if _is_stock(state) else ('head.', 'source_head.')
    missing = [key for key, value in own.items()
               if key.startswith(('backbone.', 'neck.', *heads))
               and (key not in state or state[key].shape != value.shape)]
    require(not missing, 'A run that tests or resumes needs all weights of '
            'its model', f'but {len(missing)} of {len(own)} are missing in '
            f'the checkpoint or have another shape: {", ".join(missing[:3])}, '
            '...', 'Use the config that the checkpoint was trained with')


def stock_head(run: Run, checkpoint: dict) -> None:
    """A hook takes the head of a stock checkpoint where it is the source."""
    require(not run.trains or run.data.source_length
            or not _is_stock(state_of(checkpoint))
            or run.has_hook('StockCheckpointHook'),
            'The source is a list of class names without images',
            'and the head of the stock checkpoint is to be the source head',
            "Add dict(type='mmjtln.StockCheckpointHook') to `custom_hooks`")


def same_classes(run: Run, checkpoint: dict) -> None:
    """Heads that are loaded are of the same classes, in the same order."""
    state, own = state_of(checkpoint), run.model.state_dict()
    heads = [key for key in state if key.startswith(('head.', 'source_head.'))]
    if _is_stock(state) and (
            not heads or run.has_hook('StockCheckpointHook')):
        return  # Its head does not come in.
    rule = 'A checkpoint must be of the same classes'
    wrong = [key for key in heads
             if key in own and own[key].shape != state[key].shape]
    require(not wrong, rule, f'but {", ".join(wrong)} have another shape than '
            'in the model', _OTHER_CLASSES)
    trained = checkpoint_meta(checkpoint)
    for domain in DOMAINS:
        expected, found = (domain_classes(meta, domain)
                           for meta in (trained, run.data.metainfo))
        if expected and found and expected != found:
            raise refusal(
                rule, f'but it has other {domain} classes than the data set: '
                f'{describe_difference(expected, found)}', _OTHER_CLASSES)


def _is_stock(state: dict) -> bool:
    return not any(key.startswith('source_head.') for key in state)
