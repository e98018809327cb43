"""Accuracy on one domain of a mixed evaluation set."""
from mmpretrain.evaluation import Accuracy

from mmjtln.domains import DOMAINS, TARGET, domain_of
from mmjtln.registry import METRICS


@METRICS.register_module()
class DomainAccuracy(Accuracy):
    """MMPretrain's ``Accuracy``, over the samples of one domain.

    Reported as ``<domain>/accuracy/top1``: with one metric a domain, the log
    and ``save_best='target/accuracy/top1'`` cannot confuse them.

    Args:
        domain (str): 'target' or 'source'. Defaults to 'target'.
        prefix (str, optional): Replaces ``<domain>/accuracy``.
            Defaults to None.
        **kwargs: As in ``Accuracy``: ``topk``, ``thrs``, ``collect_device``.

    Raises:
        ValueError: If ``domain`` is neither, or, when computed, if no sample
            of the evaluation set belongs to it.
    """

    def __init__(self,
                 domain: str = TARGET,
                 prefix: str | None = None,
                 **kwargs) -> None:
        if domain not in DOMAINS:
            raise ValueError(f'`domain` must be one of {DOMAINS}, got '
                             f'{domain!r}. Mend the evaluator in the config.')
        super().__init__(prefix=prefix or f'{domain}/accuracy', **kwargs)
        self.domain = domain

    def process(self, data_batch, data_samples) -> None:
        """Store one result a sample; see the parent."""
        for sample in data_samples:
            if domain_of(sample) == self.domain:
                super().process(data_batch, [sample])
            else:
                # A placeholder: distributed collection drops the padding of
                # the last batch by position, so every sample needs one.
                self.results.append(None)

    def compute_metrics(self, results: list) -> dict:
        """Compute the accuracy; see the parent."""
        results = [result for result in results if result is not None]
        if not results:
            raise ValueError(
                f'DomainAccuracy found no sample of the {self.domain} domain. '
                'Evaluate on a JointDataset that holds it, or remove this '
                'metric from the evaluator.')
        return super().compute_metrics(results)
