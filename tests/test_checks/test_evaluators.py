"""Evaluators are tried before the run: what they mix, lack or misname."""
from types import SimpleNamespace

import pytest
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import CheckpointHook

from mmjtln.checks.data import _figures, evaluators
from mmjtln.checks.run import Run
from mmjtln.datasets import JointDataset
from mmjtln.evaluation import DomainAccuracy, DomainMetric
from tests.test_datasets.conftest import Toy

MODEL = SimpleNamespace(class_counts=dict(source=7, target=2))
JOINT = dict(source=Toy(7, num_classes=7), target=Toy(2))


def run_with(*metrics, dataset=None, save_best=None) -> Run:
    """Return a run with these metrics of its validation."""
    hook = CheckpointHook(
        save_best=save_best, rule='greater' if save_best else None)
    return Run(
        SimpleNamespace(val_evaluator=Evaluator(list(metrics)), hooks=[hook],
                        param_schedulers=[]),
        MODEL, dict(val=dataset or JointDataset(**JOINT)))


def keys(*metrics, dataset=None) -> set:
    """Check metrics, and return the figures that they are said to give."""
    run = run_with(*metrics, dataset=dataset)
    evaluators(run)
    return set().union(*(
        _figures(run, 'val', metric)
        for metric in run.runner.val_evaluator.metrics))


@pytest.mark.parametrize('kind', [
    'Accuracy', 'SingleLabelMetric', 'ConfusionMatrix'])
def test_unwrapped_metric_on_a_joint_set(kind):
    """It would mix the domains; on the target alone it is welcome."""
    from mmpretrain import evaluation
    metric = getattr(evaluation, kind)(**(
        dict(topk=1) if kind == 'Accuracy' else {}))
    with pytest.raises(ValueError, match=f'{kind} .* mix .*DomainMetric'):
        keys(metric)
    assert keys(metric, dataset=Toy(2))


def test_names_of_the_figures():
    """They are those that the metrics report, prefixes included."""
    metric = DomainMetric(dict(type='SingleLabelMetric', items=['f1-score']))
    assert keys(metric, DomainAccuracy('source', topk=(1, 5))) == {
        'target/single-label/f1-score', 'source/accuracy/top1',
        'source/accuracy/top5'}
    assert metric.results == [] and metric.metric.results == []


def test_topk_beyond_the_classes():
    """Of the domain that it judges."""
    with pytest.raises(ValueError, match='predictions of 2 classes.*topk'):
        keys(DomainAccuracy('target', topk=(1, 5)))


def test_domain_without_images():
    """A source metric has nothing to judge in a target set."""
    with pytest.raises(ValueError, match='judges the source, and'):
        keys(DomainAccuracy('source'), dataset=Toy(2))


@pytest.mark.parametrize('best, match', [
    ('target/accuracy/top-1', "Set it to 'target/accuracy/top1'"),
    (['target/accuracy/top1', 'x'], "but is 'x'")])
def test_save_best_names_no_figure(best, match):
    """The figures that there are and the nearest are said."""
    with pytest.raises(ValueError, match=match):
        evaluators(run_with(DomainAccuracy(), save_best=best))


@pytest.mark.parametrize('best', [
    None, 'auto', 'target/accuracy/top1', ['target/accuracy/top1']])
def test_save_best_that_exists(best):
    """And nothing is said where a metric is not known."""

    class Own(BaseMetric):
        default_prefix = 'own'

        def process(self, data_batch, data_samples):
            raise AssertionError('not to be rehearsed')

        def compute_metrics(self, results):
            return {}

    evaluators(run_with(DomainAccuracy(), save_best=best))
    evaluators(run_with(DomainAccuracy(), DomainMetric(Own()),
                        save_best='own/figure'))
