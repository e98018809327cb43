"""Rule: the evaluators judge each domain alone, and can judge it at all."""
import difflib
from copy import deepcopy

import torch
from mmengine.evaluator import BaseMetric, DumpResults, Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpretrain.evaluation import Accuracy, ConfusionMatrix, SingleLabelMetric
from mmpretrain.structures import DataSample
from torch.utils.data import Dataset

from mmjtln.datasets import JointDataset
from mmjtln.domains import TARGET
from mmjtln.evaluation import DomainMetric
from mmjtln.models import JTLNClassifier

from .parts import domain_parts

#: Metrics that need labels and scores alone, so that they can be rehearsed.
_REHEARSED = (Accuracy, ConfusionMatrix, SingleLabelMetric)


def check_evaluator(evaluator: Evaluator, dataset: Dataset, split: str,
                    model: JTLNClassifier) -> set[str] | None:
    """Refuse metrics that mix the domains, or that would fail at the end.

    MMPretrain's metrics are rehearsed on made-up predictions, one a class.

    Args:
        evaluator (Evaluator): That of the split.
        dataset (Dataset): The split's data set.
        split (str): ``'val'`` or ``'test'``.
        model (JTLNClassifier): For the numbers of classes.

    Returns:
        set[str] | None: Names of the figures; None where a metric cannot be
        rehearsed.

    Raises:
        ValueError: Naming the metric and what to set.
    """
    parts = domain_parts(dataset)
    found = []
    for metric in evaluator.metrics:
        domain = getattr(metric, 'domain', TARGET)
        inner = metric.metric if isinstance(metric, DomainMetric) else metric
        name = type(inner).__name__
        if isinstance(dataset, JointDataset) and not isinstance(
                metric, (DomainMetric, DumpResults)):
            raise ValueError(
                f'A metric must judge one domain, but {name} in '
                f'`{split}_evaluator` would mix the source and the target '
                f'images of `{split}_dataloader.dataset`. Set '
                "dict(type='mmjtln.DomainMetric', domain='target', "
                f"metric=dict(type='{name}', ...)), one for each domain, or "
                'evaluate on the target data set alone.')
        if domain not in parts:
            raise ValueError(
                f'`{split}_evaluator` judges the {domain}, but '
                f'`{split}_dataloader.dataset` has no {domain} images. '
                'Set it to a JointDataset that has, or remove that metric.')
        samples = _predictions(domain, model.class_counts[domain])
        found.append(_rehearse(metric, inner, samples, split))
    return None if None in found else set().union(*found)


def check_save_best(runner: Runner, keys: set[str] | None) -> None:
    """Refuse to choose checkpoints by a figure that nobody computes.

    Args:
        runner (Runner): With its checkpoint hook.
        keys (set[str] | None): Figures of the validation, if known.

    Raises:
        ValueError: Naming the figures that there are.
    """
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or keys is None:
            continue
        best = hook.save_best or []
        for key in [best] if isinstance(best, str) else best:
            if key != 'auto' and key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                raise ValueError(
                    '`default_hooks.checkpoint.save_best` must be a figure '
                    f'of `val_evaluator`, one of {sorted(keys)}, but is '
                    f'{key!r}.' + (f' Set it to {near[0]!r}.' if near else
                                   ' Set it, or the evaluator.'))


def _predictions(domain: str, num_classes: int) -> list[dict]:
    """Make up a right prediction of each class, at most ten."""
    samples = []
    for label in range(min(num_classes, 10)):
        scores = torch.zeros(num_classes)
        scores[label] = 1.
        sample = DataSample().set_gt_label(label).set_pred_label(label)
        sample.set_pred_score(scores)
        sample.set_field(domain, 'domain', field_type='metainfo')
        samples.append(sample.to_dict())
    return samples


def _rehearse(metric: BaseMetric, inner: BaseMetric, samples: list[dict],
              split: str) -> set[str] | None:
    """Compute a metric on made-up predictions and return its figures."""
    if type(inner) not in _REHEARSED:
        return None
    trial = deepcopy(metric)
    try:
        trial.process(None, samples)
        found = trial.compute_metrics(trial.results)
    except Exception as error:
        raise ValueError(
            f'`{split}_evaluator` must be able to judge predictions of '
            f'{len(samples[0]["pred_score"])} classes, but '
            f'{type(inner).__name__} fails: {error}. Set its options, such '
            'as `topk`.') from error
    return {'/'.join(filter(None, (trial.prefix, key))) for key in found}
