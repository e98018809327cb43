"""What must hold of a run's data, heads and metrics, in the order asked."""
import difflib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric, DumpResults
from mmengine.runner import Runner
from mmpretrain.evaluation import Accuracy, ConfusionMatrix, SingleLabelMetric
from mmpretrain.structures import DataSample

from mmjtln.datasets import JointDataset, JointSampler
from mmjtln.datasets.class_lists import (
    check_several,
    describe_difference,
    domain_classes,
    quote_names,
)
from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.errors import refusal, require
from mmjtln.evaluation import DomainMetric
from mmjtln.run_config import names_weights

from .run import Run, domain_parts

_HEADS = {TARGET: 'head', SOURCE: 'source_head'}
#: Metrics that need labels and scores alone, so that they can be rehearsed.
_REHEARSED = (Accuracy, ConfusionMatrix, SingleLabelMetric)


def both_domains(run: Run) -> None:
    """Each loss has images in a batch; a source without any, a checkpoint."""
    data, model, runner = run.data, run.model, run.runner
    sampler = runner.train_dataloader.batch_sampler
    require(isinstance(data, JointDataset),
            'A JTLNClassifier trains on a source and a target data set',
            f'but `train_dataloader.dataset` is a {type(data).__name__}',
            "Wrap the two in dict(type='mmjtln.JointDataset', source=..., "
            'target=...)', TypeError)
    require(isinstance(sampler, JointSampler),
            'Every batch must hold images of both domains', 'but '
            f'`train_dataloader.batch_sampler` is a {type(sampler).__name__}',
            "Set it to dict(type='mmjtln.JointSampler')", TypeError)
    on_source = model.ot_loss is not None and SOURCE in model.ot_domains
    source = data.source_length and (model.lambda_s.value > 0 or (
        on_source and model.lambda_ot.value > 0))
    for domain in DOMAINS if source else (TARGET, ):
        require(sampler.per_batch[domain],
                f'Every batch must hold {domain} images', 'but `source_share` '
                'of `train_dataloader.batch_sampler` is '
                f'{sampler.source_share}, which draws none',
                'Set it to a number between 0 and 1, such as 0.5')
    known = runner._load_from is not None or runner._resume or names_weights(
        [model.init_cfg, model.source_head.init_cfg])
    for holds, found, remedy in (
            (model.lambda_s.value == 0,
             'but `model.lambda_s`, the weight of its loss, is not 0',
             'Set `model.lambda_s=0`'),
            (not on_source, 'but the OT term is taken on source images',
             "Set `model.ot_images='target'`"),
            (known, 'but no checkpoint brings its classifier',
             'Set `load_from` to one that was trained on these classes')):
        require(holds or data.source_length, 'The source is a list of class '
                'names without images', found, remedy)


def classes(run: Run) -> None:
    """Heads and splits have the classes of their domain, two or more."""
    for domain, name in _HEADS.items():
        head, count = getattr(run.model, name), run.model.class_counts[domain]
        expected = domain_classes(run.data.metainfo, domain)
        known = expected or tuple(map(str, range(count)))
        require(len(known) == count,
                f'The {domain} head must have one output a class',
                f'but `model.{name}.num_classes` is {count} and the {domain} '
                f'data set has {len(known)} classes', 'Set the first')
        check_several(known, domain)
        topk = np.atleast_1d(getattr(head, 'topk', 1)).tolist()
        require(max(topk) <= count or not getattr(head, 'cal_acc', False),
                f'`model.{name}.topk` must not go beyond its {count} classes',
                f'got {tuple(topk)}', 'Set it to (1, )')
        for split, dataset in run.datasets.items():
            found = domain_classes(dataset.metainfo, domain)
            if found not in (None, expected):
                raise refusal(f'The {split} data set must have the {domain} '
                              'classes of the training data in the same order',
                              f'but {describe_difference(known, found)}',
                              f'Change `{split}_dataloader.dataset`')


def labels(run: Run) -> None:
    """Every image has one label, a class; each target class has images."""
    counts = run.counts  # This refuses labels that are none.
    if run.trains:
        names = run.data.metainfo['classes']
        empty = [names[i] for i in np.flatnonzero(
            counts['train'][TARGET] == 0)]
        require(not empty, 'Every target class needs a training image',
                f'but {len(empty)} have none: {quote_names(empty)}',
                'Add some to `train_dataloader.dataset.target`, or take them '
                'off its class list')


def evaluators(run: Run) -> None:
    """Each metric can judge its one domain; `save_best` names a figure."""
    for split in run.judged:
        found: list[Any] = [
            _figures(run, split, metric)
            for metric in getattr(run.runner, f'{split}_evaluator').metrics]
        if split != 'val' or None in found:
            continue
        figures = sorted(set().union(*found))
        for where, key in _monitors(run.runner):
            near = difflib.get_close_matches(key, figures, 1)
            require(key in ('auto', *figures), f'{where} must be a figure of '
                    f'`val_evaluator`, one of {figures}', f'but is {key!r}',
                    f'Set it to {near[0]!r}' if near else 'Set it, or the '
                    'evaluator')


def _monitors(runner: Runner) -> Iterator[tuple[str, str]]:
    """Go through the figures that hooks and schedules ask for."""
    schedules = runner.param_schedulers
    for part in [*runner.hooks,
                 *(schedules if isinstance(schedules, list) else [])]:
        for option in ('save_best', 'monitor'):
            for key in np.atleast_1d(getattr(part, option, None) or []):
                yield f'`{option}` of {type(part).__name__}', str(key)


def _figures(run: Run, split: str, metric: BaseMetric) -> set[str] | None:
    """Check a metric and name its figures; None where it cannot be tried."""
    dataset, domain = run.datasets[split], getattr(metric, 'domain', TARGET)
    inner = metric.metric if isinstance(metric, DomainMetric) else metric
    name = type(inner).__name__
    require(not isinstance(dataset, JointDataset)
            or isinstance(metric, (DomainMetric, DumpResults)),
            'A metric must judge one domain', f'but {name} in '
            f'`{split}_evaluator` would mix the images of both',
            "Set dict(type='mmjtln.DomainMetric', domain='target', metric="
            f"dict(type='{name}', ...)), one for each domain")
    require(domain in domain_parts(dataset),
            'An evaluator needs images of the domain that it judges',
            f'but `{split}_evaluator` judges the {domain}, and '
            f'`{split}_dataloader.dataset` has no {domain} images',
            'Set it to a JointDataset that has, or remove that metric')
    if type(inner) not in _REHEARSED:
        return None
    # On made-up predictions, one a class.
    count, samples = run.model.class_counts[domain], []
    for label in range(min(count, 10)):
        sample = DataSample().set_gt_label(label).set_pred_label(label)
        sample.set_pred_score(torch.eye(count)[label])
        sample.set_field(domain, 'domain', field_type='metainfo')
        samples.append(sample.to_dict())
    trial = deepcopy(metric)
    try:
        trial.process(None, samples)
        found = trial.compute_metrics(trial.results)
    except Exception as error:
        raise refusal(f'`{split}_evaluator` must be able to judge predictions '
                      f'of {count} classes', f'but {name} fails: {error}',
                      'Set its options, such as `topk`') from error
    return {'/'.join(filter(None, (trial.prefix, key))) for key in found}
