"""The data of a run, by split and domain."""

from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmjtln.datasets import JointDataset
from mmjtln.domains import DOMAINS, TARGET


def split_datasets(runner: Runner) -> dict[str, Dataset]:
    """Return the data sets that a training run uses, or will.

    The test set is built for it: ``tools/train.py`` looks at it at the end.

    Returns:
        dict[str, Dataset]: Of ``'train'``, ``'val'`` and ``'test'`` those
        that the config has.
    """
    loaders = dict(
        train=lambda: runner.train_dataloader,
        val=lambda: runner.val_dataloader,
        test=lambda: runner.test_dataloader)
    return {
        split: loader().dataset
        for split, loader in loaders.items()
        if getattr(runner, f'_{split}_loop') is not None
    }


def domain_parts(dataset: Dataset) -> dict[str, Dataset]:
    """Return the data set of each domain that has images in a data set.

    A data set that is no :class:`JointDataset` is a target data set.
    """
    if not isinstance(dataset, JointDataset):
        return {TARGET: dataset}
    return {domain: getattr(dataset, domain) for domain in DOMAINS
            if len(getattr(dataset, domain))}


