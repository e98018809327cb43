"""What a joint run has consumed, kept to be compared when it is resumed."""
import hashlib
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmjtln.datasets import JointDataset, JointSampler
from mmjtln.datasets.contents import data_digest
from mmjtln.domains import DOMAINS
from mmjtln.hooks.cost_matrix_hook import CostMatrixHook
from mmjtln.hooks.runner import unwrapped

from .settings import training_settings

_SAMPLER = '`train_dataloader.batch_sampler`'
_DATA = '`train_dataloader.dataset.{}`'
#: What is compared: key, what an error calls it, where it comes from.
_COMPARED = {
    'loop': ('the loop', '`train_cfg.by_epoch`'),
    'seed': ('the seed of the run', '`randomness.seed`'),
    'order_seed': ('the seed of the order',
                   '`seed` of `train_dataloader.sampler`'),
    'shuffle': ('shuffling', '`shuffle` of `train_dataloader.sampler`'),
    'step': ('images in a step, over all processes',
             f'`train_dataloader.batch_size`, `source_share` of {_SAMPLER}, '
             'and the number of processes'),
    'last_step': ('images in the last step of an epoch, over all processes',
                  f'as before, and `epoch` of {_SAMPLER}'),
    'steps': ('steps in an epoch', f'`epoch` of {_SAMPLER}'),
    'accumulation': ('steps in an update',
                     '`optim_wrapper.accumulative_counts`'),
    'source_images': ('source images', _DATA.format('source')),
    'target_images': ('target images', _DATA.format('target')),
    'source_data': ('digest of the paths, labels and classes of the source',
                    _DATA.format('source')),
    'target_data': ('digest of the paths, labels and classes of the target',
                    _DATA.format('target')),
    'draw': ('how often each source is drawn from',
             f'`draw` of {_DATA.format("source")}'),
    'cost': ('the making of the cost matrix',
             '`cost` of CostMatrixHook in `custom_hooks`, `model.ot_loss`, '
             'and the files they name'),
    'model': ('the model and its loss weights', '`model`'),
    'optimizer': ('the optimizer', '`optim_wrapper`'),
    'schedule': ('the schedule of the learning rate', '`param_scheduler`'),
    'pipeline': ('the transforms of the training images',
                 '`pipeline` in `train_dataloader.dataset`'),
}


def run_record(runner: Runner) -> dict | None:
    """Describe what a run consumes, in plain numbers and strings.

    Args:
        runner (Runner): With its training loop built.

    Returns:
        dict | None: None for a run that is not joint: its sampler's place is
        not known.
    """
    loader = runner.train_dataloader
    dataset, sampler = loader.dataset, loader.batch_sampler
    if not isinstance(dataset, JointDataset) or not isinstance(
            sampler, JointSampler):
        return None
    world_size = sampler.world_size
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    record = dict(
        loop='by epoch' if by_epoch else 'by iteration',
        # With seeds that differ by rank, rank 0's.
        seed=runner.seed - get_rank() * bool(
            runner._randomness_cfg.get('diff_rank_seed')),
        order_seed=int(sampler.seed),
        shuffle=sampler.sampler.shuffle,
        processes=world_size,
        step=_over_all(sampler.per_batch, world_size),
        last_step=_over_all(sampler.last, world_size),
        steps=len(sampler),
        accumulation=getattr(runner.optim_wrapper, '_accumulative_counts', 1),
        draw=getattr(dataset.source, 'draw', None),
        # Not compared: a run may be made longer.
        length=runner.max_iters,
        cost=_cost(runner),
        **training_settings(runner))
    for domain in DOMAINS:
        part = getattr(dataset, domain)
        record[f'{domain}_images'] = len(part)
        record[f'{domain}_data'] = data_digest(part)
    return record


def record_differences(then: dict, now: dict) -> list[str]:
    """Say what differs between two records, and what to set.

    The number of processes alone is no difference: with the same images in
    each step, the same images have been consumed.

    Args:
        then (dict): What :func:`run_record` returned in the earlier run.
        now (dict): Likewise, in this one.

    Returns:
        list[str]: One line a difference.
    """
    lines = []
    for key, (name, where) in _COMPARED.items():
        before, after = then.get(key), now.get(key)
        if before == after or (
                key == 'schedule' and then.get('length') != now['length']):
            continue  # A schedule is made anew for another length.
        if isinstance(before, dict):  # Only the options that differ.
            both = sorted(before.items() ^ after.items())
            before, after = (
                {k: part[k] for k, _ in both if k in part} or 'none'
                for part in (before, after))
        lines.append(f'{name}: {before} then, {after} now (see {where})')
    if lines and then.get('processes') != now['processes']:
        lines.append(f'processes: {then.get("processes")} then, '
                     f'{now["processes"]} now')
    return lines


def _over_all(sizes: dict[str, int], world_size: int) -> str:
    return ' and '.join(f'{world_size * sizes[domain]} {domain}'
                        for domain in DOMAINS)


def _cost(runner: Runner) -> dict[str, str]:
    """Describe the cost matrix: how it is made, or itself where given."""
    for hook in runner.hooks:
        if isinstance(hook, CostMatrixHook):
            made = dict(type=type(hook.builder).__name__,
                        interval=hook.interval, **hook.builder.settings())
            return {key: repr(value)
                    for key, value in _with_contents(made).items()}
    ot_loss = getattr(unwrapped(runner), 'ot_loss', None)
    if ot_loss is None or not ot_loss.has_cost:
        return {}
    matrix = ot_loss.cost.cpu().numpy().tobytes()
    return dict(digest=hashlib.sha256(matrix).hexdigest()[:16])


def _with_contents(options: object) -> object:
    """Put the digest of a file in the place of its path, wherever one is."""
    if isinstance(options, dict):
        return {key: _with_contents(options[key]) for key in sorted(options)}
    if isinstance(options, list):
        return [_with_contents(option) for option in options]
    if isinstance(options, str) and Path(options).is_file():
        digest = hashlib.sha256()
        with open(options, 'rb') as file:
            for block in iter(lambda: file.read(2**20), b''):
                digest.update(block)
        return f'file with digest {digest.hexdigest()[:16]}'
    return options
