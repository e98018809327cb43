"""Rule: a test set is not what chose the checkpoint."""
from mmengine.config import Config
from torch.utils.data import Dataset

from mmjtln.datasets.build import build_dataset
from mmjtln.datasets.contents import data_digest

from .parts import domain_parts

#: What a comparison measures, if the test set is one.
TEST_ACCURACY = 'test accuracy'


def same_images(first: Dataset, second: Dataset) -> list[str]:
    """Return the domains of which two data sets hold the same images.

    Paths, labels and their order are compared, no image is decoded.
    """
    seconds = domain_parts(second)
    return [
        domain for domain, part in domain_parts(first).items()
        if domain in seconds and len(part) == len(seconds[domain])
        and data_digest(part) == data_digest(seconds[domain])
    ]


def reused_validation(datasets: dict[str, Dataset]) -> str | None:
    """Say that the test set is the validation set, where it is.

    Args:
        datasets (dict[str, Dataset]): Data set of each split.

    Returns:
        str | None: A warning: the best of many validations is no test.
    """
    if not {'val', 'test'} <= set(datasets) or 'target' not in same_images(
            datasets['val'], datasets['test']):
        return None
    return ('The test set is the validation set: a "test accuracy" of the '
            'checkpoint that it has chosen is the best of many and too high. '
            'Set `test_dataloader.dataset` to other images, or report it as '
            'validation accuracy.')


def reported_accuracy(cfg: Config) -> str:
    """Name what is measured on the test set of a config.

    Args:
        cfg (Config): With validation and test data.

    Returns:
        str: ``'test accuracy'``, or what it is where the two are the same.
    """
    datasets = {split: build_dataset(cfg[f'{split}_dataloader'].dataset)
                for split in ('val', 'test')}
    if reused_validation(datasets) is None:
        return TEST_ACCURACY
    return 'validation accuracy (the test set is the validation set)'
