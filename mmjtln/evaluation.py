"""Any metric, over the samples of one domain of a mixed evaluation set."""
from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmpretrain.registry import METRICS as MMPRETRAIN_METRICS

from mmjtln.domains import DOMAINS, SOURCE, TARGET, domain_of
from mmjtln.registry import METRICS

from .errors import check_choice, require


@METRICS.register_module()
class DomainMetric(BaseMetric):
    """A metric of MMPretrain, over the samples of one domain.

    Reported as the metric does with ``<domain>/`` in front, such as
    ``target/single-label/f1-score``. Samples of a plain data set, which name
    no domain, are of the target.

    Args:
        metric (dict | BaseMetric): The metric, such as
            ``dict(type='SingleLabelMetric', items=['f1-score'])``, with its
            own ``prefix``, ``collect_device`` and ``collect_dir``.
        domain (str): 'target' or 'source'. Defaults to 'target'. Of several
            sources (a :class:`~mmjtln.datasets.UnionDataset`), each has its
            figures beside those of all: ``source/accuracy/MNIST5k/top1``.

    Raises:
        ValueError: When computed, if no sample belongs to the domain.
    """

    def __init__(self, metric: dict | BaseMetric,
                 domain: str = TARGET) -> None:
        check_choice(domain, 'domain', 'DomainMetric in the evaluator',
                     DOMAINS)
        if isinstance(metric, dict):
            metric = MMPRETRAIN_METRICS.build(metric)
        super().__init__(metric.collect_device,
                         '/'.join(filter(None, (domain, metric.prefix))),
                         metric.collect_dir)
        self.metric = metric
        self.domain = domain

    @property
    def dataset_meta(self) -> dict | None:
        """Metainfo of the data set, ``classes`` being the domain's."""
        return self.metric.dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        if self.domain == SOURCE and 'source_classes' in dataset_meta:
            dataset_meta = dict(
                dataset_meta, classes=dataset_meta['source_classes'])
        self.metric.dataset_meta = dataset_meta

    def process(self, data_batch: dict | None,
                data_samples: Sequence[dict]) -> None:
        """Store what the metric stores, sample by sample."""
        for row, sample in enumerate(data_samples):
            if domain_of(sample) == self.domain:
                alone = data_batch and {key: value[row:row + 1]
                                        for key, value in data_batch.items()}
                self.metric.process(alone, [sample])
            # One entry a sample, of the other domain too: distributed
            # collection drops the padding of the last batch by position.
            self.results.append(
                (sample.get('source_name'), tuple(self.metric.results)))
            self.metric.results.clear()

    def compute_metrics(self, results: list) -> dict:
        """Compute the metric; see the parent."""
        own = [result for _, several in results for result in several]
        require(own, 'A DomainMetric needs samples of its domain', 'but there '
                f'is no sample of the {self.domain} domain', 'Evaluate on a '
                'JointDataset that holds it, or take the metric out')
        figures = dict(self.metric.compute_metrics(own))
        for source in sorted({name for name, several in results
                              if name is not None and several}):
            figures |= {f'{source}/{key}': value for key, value in
                        self.metric.compute_metrics([
                            result for name, several in results
                            if name == source for result in several]).items()}
        return figures


@METRICS.register_module()
class DomainAccuracy(DomainMetric):
    """The ``Accuracy`` of a domain, with its options."""

    def __init__(self, domain: str = TARGET, **kwargs: Any) -> None:
        super().__init__(dict(type='Accuracy', **kwargs), domain)
