"""Rule: data, heads and splits speak of the same classes, all with images."""

import numpy as np
from torch.utils.data import DataLoader, Dataset

from mmjtln.datasets import JointDataset, JointSampler
from mmjtln.datasets.class_lists import (
    describe_difference,
    domain_classes,
    quote_names,
)
from mmjtln.datasets.contents import class_indices
from mmjtln.domains import DOMAINS, SOURCE, TARGET
from mmjtln.models import JTLNClassifier

from .parts import domain_parts

_HEADS = {TARGET: 'head', SOURCE: 'source_head'}


def check_joint_loader(loader: DataLoader, model: JTLNClassifier) -> None:
    """Refuse training data that does not hold both domains in each batch.

    Args:
        loader (DataLoader): That of the training loop.
        model (JTLNClassifier): For which losses there are.

    Raises:
        TypeError: If data set or batch sampler is none of this plugin's.
        ValueError: If batches have no image of a domain that has a loss.
    """
    if not isinstance(loader.dataset, JointDataset):
        raise TypeError(
            'A JTLNClassifier trains on a source and a target data set, '
            'but `train_dataloader.dataset` is a '
            f'{type(loader.dataset).__name__}. Wrap the two in '
            "dict(type='mmjtln.JointDataset', source=..., target=...).")
    if not isinstance(loader.batch_sampler, JointSampler):
        raise TypeError(
            'Every batch must hold images of both domains, but '
            '`train_dataloader.batch_sampler` is a '
            f'{type(loader.batch_sampler).__name__}. Set it to '
            "dict(type='mmjtln.JointSampler').")
    needed = [TARGET]
    if not model.lambda_s.is_zero and loader.dataset.source_length:
        needed.append(SOURCE)
    absent = [domain for domain in needed
              if not loader.batch_sampler.per_batch[domain]]
    if absent:
        raise ValueError(
            f'Every batch must hold {absent[0]} images, on which a loss is '
            'taken, but `source_share` of `train_dataloader.batch_sampler` is '
            f'{loader.batch_sampler.source_share}, which draws none. Set it '
            'to a number between 0 and 1, such as 0.5.')


def check_heads(model: JTLNClassifier, dataset: Dataset, split: str) -> None:
    """Refuse heads that do not fit the classes of a data set.

    Raises:
        ValueError: If a head has not one output a class, or its accuracy is
            logged for more predictions than it has classes.
    """
    for domain, name in _HEADS.items():
        classes = domain_classes(dataset.metainfo, domain)
        count = model.class_counts[domain]
        if classes is not None and len(classes) != count:
            raise ValueError(
                f'The {domain} head must have one output a class, but '
                f'`model.{name}.num_classes` is {count} and the '
                f'{domain} {split} data set has {len(classes)} classes. '
                f'Set `model.{name}.num_classes`.')
        head = getattr(model, name)
        topk = np.atleast_1d(getattr(head, 'topk', 1))
        if getattr(head, 'cal_acc', False) and topk.max() > count:
            raise ValueError(
                f'`model.{name}.topk` must not go beyond its {count} '
                f'classes, got {tuple(topk.tolist())}. Set it to (1, ).')


def check_same_classes(dataset: Dataset, train_dataset: Dataset,
                       split: str) -> None:
    """Refuse evaluation data of other classes, or in another order.

    Raises:
        ValueError: Saying what differs.
    """
    for domain in DOMAINS:
        classes = domain_classes(dataset.metainfo, domain)
        trained = domain_classes(train_dataset.metainfo, domain)
        if classes is not None and classes != trained:
            raise ValueError(
                f'The {split} data set must have the {domain} classes of '
                f'the training data in the same order, but '
                f'{describe_difference(trained, classes)}. Change '
                f'`{split}_dataloader.dataset`.')


def check_labels(dataset: Dataset, split: str) -> dict[str, np.ndarray]:
    """Refuse labels that are no class index of their domain.

    Returns:
        dict[str, np.ndarray]: Number of images of each class of each domain
        that has images, int64, shape (classes, ).

    Raises:
        ValueError: If an image has no label, several, or one out of range;
            or if a target class has no image to train on.
    """
    counts = {}
    for domain, part in domain_parts(dataset).items():
        labels = class_indices(part, f'{domain} {split}')
        counts[domain] = np.bincount(
            labels, minlength=len(part.metainfo['classes']))
    if split == 'train':
        classes = dataset.metainfo['classes']
        missing = [classes[i] for i in np.flatnonzero(counts[TARGET] == 0)]
        if missing:
            raise ValueError(
                f'Every target class needs a training image, but '
                f'{len(missing)} have none: {quote_names(missing)}. Add '
                'images of them to `train_dataloader.dataset.target` or take '
                'them off its class list.')
    return counts
