"""DomainMetric: the stock figure of each half of a mixed set."""
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmpretrain.evaluation import (
    Accuracy,
    ConfusionMatrix,
    SingleLabelMetric,
)
from mmpretrain.structures import DataSample

from mmjtln.evaluation import DomainAccuracy, DomainMetric


def samples(count=40, tag=True):
    """Return predicted samples, every third one of the source."""
    generator = torch.Generator().manual_seed(0)
    result = []
    for i in range(count):
        score = torch.rand(5, generator=generator)
        sample = DataSample().set_gt_label(i % 5).set_pred_score(score)
        sample.set_pred_label(score.argmax())
        if tag:
            sample.set_field(
                'target' if i % 3 else 'source',
                'domain',
                field_type='metainfo')
        result.append(sample)
    return result


def evaluate(metrics, data_samples):
    """Run metrics in two batches through MMEngine's evaluator."""
    evaluator = Evaluator(metrics)
    half = len(data_samples) // 2
    evaluator.process(data_samples[:half], None)
    evaluator.process(data_samples[half:], None)
    return evaluator.evaluate(len(data_samples))


def test_each_domain_is_stock_accuracy_of_its_samples():
    """Two metrics side by side, prefixes apart, each the stock figure."""
    mixed = samples()
    found = evaluate([
        DomainAccuracy('target', topk=(1, 3)),
        DomainAccuracy('source', topk=(1, 3))
    ], mixed)
    for domain in ('target', 'source'):
        own = [s for s in mixed if s.domain == domain]
        expected = evaluate([Accuracy(topk=(1, 3))], own)
        for k in (1, 3):
            assert found[f'{domain}/accuracy/top{k}'] == pytest.approx(
                expected[f'accuracy/top{k}'])


@pytest.mark.parametrize('kind, options, key', [
    (SingleLabelMetric, dict(average=None), 'single-label/f1-score_classwise'),
    (SingleLabelMetric, dict(items=['f1-score']), 'single-label/f1-score'),
    (SingleLabelMetric, dict(prefix='mine'), 'mine/recall'),
    (ConfusionMatrix, {}, 'confusion_matrix/result'),
    (Accuracy, dict(thrs=(0., 0.9)), 'accuracy/top1_thr-0.90'),
])
def test_any_metric_of_either_domain(kind, options, key):
    """It is the stock metric on that domain's samples alone."""
    mixed = samples()
    found = evaluate([
        DomainMetric(dict(type=kind.__name__, **options), domain)
        for domain in ('target', 'source')], mixed)
    both = evaluate([kind(**options)], mixed)[key]
    for domain in ('target', 'source'):
        own = [s for s in mixed if s.domain == domain]
        expected = evaluate([kind(**options)], own)[key]
        assert found[f'{domain}/{key}'] == pytest.approx(expected, nan_ok=True)
        assert found[f'{domain}/{key}'] != pytest.approx(both)


def test_classes_are_those_of_the_domain():
    """A metric that asks for class names gets its own domain's."""
    metrics = [DomainAccuracy('source'), DomainAccuracy('target')]
    Evaluator(metrics).dataset_meta = dict(
        classes=['t'], source_classes=['s', 'r'])
    assert [m.metric.dataset_meta['classes'] for m in metrics] == [
        ['s', 'r'], ['t']]


def test_batch_is_the_samples_own():
    """A metric that looks at the batch sees the images of its sample."""
    mixed = samples(6)
    metric = DomainAccuracy('source')
    seen = []
    metric.metric.process = lambda batch, own: seen.append(
        batch['inputs'].tolist())
    metric.process(dict(inputs=torch.arange(6)), [s.to_dict() for s in mixed])
    assert seen == [[0], [3]]


def test_untagged_samples_are_target():
    """A plain data set is judged as the target."""
    plain = samples(tag=False)
    assert evaluate([DomainAccuracy()], plain)[
        'target/accuracy/top1'] == evaluate([Accuracy()],
                                            plain)['accuracy/top1']


def test_absent_domain():
    """A metric without samples says so instead of dividing by zero."""
    with pytest.raises(ValueError, match='no sample of the source domain'):
        evaluate([DomainAccuracy('source')], samples(tag=False))


def test_unknown_domain():
    """A misspelt domain is refused."""
    with pytest.raises(ValueError, match='domain'):
        DomainAccuracy('sources')
