"""What tells a run from another, kept to be compared when it is resumed.

All that a config says counts, but for what :data:`HARMLESS` names.
"""
import hashlib
import json
import logging
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmjtln.datasets import JointDataset, JointSampler
from mmjtln.datasets.contents import data_digest
from mmjtln.domains import DOMAINS
from mmjtln.inference.features import on_first_rank
from mmjtln.run_config import READ, leaves, pipeline_in

#: Where a checkpoint's ``meta`` has what is kept here.
META = 'mmjtln'
#: Options that may change while a run is stopped, as patterns of their dotted
#: names: where weights come from, what the machine decides, what is logged or
#: tested in the end, where data lies, and the length of the run. Of others
#: (batch sizes, seeds) the record has what they come to.
HARMLESS = (
    'work_dir', 'load_from', 'resume', 'launcher', 'env_cfg', 'log_level',
    'log_processor', 'visualizer', 'experiment_name', 'default_scope',
    'custom_imports', 'test_*', 'model_wrapper_cfg', 'auto_scale_lr',
    'find_unused_parameters',
    'randomness.seed', 'train_cfg.max_*', 'default_hooks.timer',
    'default_hooks.logger', 'default_hooks.visualization',
    'default_hooks.learning_curve', 'default_hooks.checkpoint.interval',
    'default_hooks.checkpoint.max_keep_ckpts',
    'default_hooks.checkpoint.out_dir', 'optim_wrapper.type',
    'optim_wrapper.loss_scale', 'optim_wrapper.dtype', 'model.*init_cfg',
    'model.*pretrained', 'model.*checkpoint*', '*_scope_',
    '*_dataloader.*data_root', '*_dataloader.*data_prefix',
    '*_dataloader.*ann_file', '*_dataloader.*classes',
    '*_dataloader.batch_size', '*_dataloader.*workers',
    '*_dataloader.pin_memory', '*_dataloader.prefetch_factor',
    '*_dataloader.collate_fn', 'train_dataloader.sampler.*',
    'train_dataloader.batch_sampler.source_share',
    'train_dataloader.batch_sampler.epoch')
#: What a run's objects say: key of the record, and what an error calls it.
_FACTS = dict(
    loop='the loop (`train_cfg.by_epoch`)',
    seed='the seed of the run (`randomness.seed`)',
    order_seed='the seed of the order (`train_dataloader.sampler.seed`)',
    shuffle='shuffling (`train_dataloader.sampler.shuffle`)',
    step='images in a step, over all processes '
    '(`train_dataloader.batch_size`, `batch_sampler.source_share`)',
    last_step='images in the last step of an epoch, over all processes',
    steps='steps in an epoch (`train_dataloader.batch_sampler.epoch`)',
    source_images='source images', target_images='target images',
    source_data='digest of the images, labels and classes of the source',
    target_data='digest of the images, labels and classes of the target',
    val_data='digest of the validation data')


def test_pipeline(cfg: Config) -> str | None:
    """Write how a run's test, or else its validation, reads images."""
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader')
    try:
        # The last step packs; test-time augmentation is in its place.
        return loader and json.dumps(
            pipeline_in(loader['dataset'])[:-1], sort_keys=True, default=str)
    except ValueError:  # A data set with a pipeline of its own.
        return None


def tell_other_pipeline(cfg: Config, meta: Mapping) -> None:
    """Warn where images are read otherwise than a checkpoint's meta says."""
    then = (meta.get(META) or {}).get('test_pipeline')
    now = test_pipeline(cfg)
    if None not in (then, now) and now != then:
        print_log('Images are not read as in the tests of the run that '
                  f'trained the checkpoint: its pipeline was {then}, and is '
                  f'{now} now.', logger='current', level=logging.WARNING)


def run_record(runner: Runner) -> dict | None:
    """Describe a run, in numbers and strings; None if it is not joint."""
    loader = runner.train_dataloader
    dataset, sampler = loader.dataset, loader.batch_sampler
    if not isinstance(dataset, JointDataset) or not isinstance(
            sampler, JointSampler):
        return None  # Its sampler's place is not known.
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    record = dict(
        loop='by epoch' if by_epoch else 'by iteration',
        # With seeds that differ by rank, rank 0's.
        seed=runner.seed - get_rank() * bool(
            runner._randomness_cfg.get('diff_rank_seed')),
        order_seed=int(sampler.seed), shuffle=sampler.sampler.shuffle,
        processes=sampler.world_size,
        step=_over_all(sampler.per_batch, sampler.world_size),
        last_step=_over_all(sampler.last, sampler.world_size),
        steps=len(sampler),
        # Not compared: a run may be made longer.
        length=runner.max_iters,
        options={name: _said(value) for name, value in leaves(
            {key: runner.cfg[key] for key in READ & {*runner.cfg}})
            if value is not None and not any(
                fnmatchcase(name, pattern) or fnmatchcase(name, f'{pattern}.*')
                for pattern in HARMLESS)})
    for domain in DOMAINS:
        part = getattr(dataset, domain)
        record[f'{domain}_images'] = len(part)
        record[f'{domain}_data'] = on_first_rank(partial(data_digest, part))
    if runner.val_loop is not None:
        val = runner.val_dataloader.dataset
        record['val_data'] = ' '.join(
            on_first_rank(partial(data_digest, part))
            for part in getattr(val, 'datasets', [val]))
    return record


def record_differences(then: dict, now: dict) -> list[str]:
    """Return a line for each difference of two records: what was, what is."""
    # A schedule is made anew for another length.
    pairs = [(name, then.get(key), now.get(key))
             for key, name in _FACTS.items()]
    before, after = then.get('options', {}), now.get('options', {})
    pairs += [(f'`{name}`', before.get(name), after.get(name))
              for name in sorted(before.keys() | after.keys())
              if then.get('length') == now['length']
              or not name.startswith('param_scheduler')]
    lines = [f'{name}: {"none" if one is None else one} then, '
             f'{"none" if other is None else other} now'
             for name, one, other in pairs if one != other]
    # With the same images in each step the same images have been consumed:
    # alone, another number of processes is no difference.
    if lines and then.get('processes') != now['processes']:
        lines.append(f'processes: {then.get("processes")} then, '
                     f'{now["processes"]} now')
    return lines


def _over_all(sizes: dict[str, int], world_size: int) -> str:
    return ' and '.join(f'{world_size * sizes[domain]} {domain}'
                        for domain in DOMAINS)


def _said(value: object) -> str:
    """Write an option; of a file, which may be moved, what is in it."""
    if isinstance(value, str) and Path(value).is_file():
        digest = hashlib.sha256(Path(value).read_bytes())
        return f'file with digest {digest.hexdigest()[:16]}'
    return repr(value)
