"""Base of the builders that compare class-conditional features."""
import hashlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from mmjtln.errors import check_choice
from mmjtln.inference.domain_images import DomainImages
from mmjtln.inference.features import STAGES, extract_features
from mmjtln.inference.first_rank import on_first_rank

from .base import RawCost
from .image_cost import ImageCost

# Part of the mean deviation that is added to each.
_FLOOR = 0.1
# Relative difference up to which features count as equal.
_EQUAL = 1e-6
# Images whose features are held in float64 at once.
_ROWS = 1024


@dataclass
class ClassFeatures:
    """The features of the images of one domain.

    Args:
        features (Tensor): Shape (N, D), float32.
        labels (Tensor): Class indices, shape (N,), int64.
        num_classes (int): Number of classes L; each has an image.
    """

    features: torch.Tensor
    labels: torch.Tensor
    num_classes: int

    def counts(self) -> torch.Tensor:
        """Images per class, shape (L,), int64."""
        return torch.bincount(self.labels, minlength=self.num_classes)

    def means(self, transform: Callable | None = None) -> torch.Tensor:
        """Class means, shape (L, D), float64.

        Args:
            transform (Callable, optional): Applied to the features first.
        """
        sums = torch.zeros(
            self.num_classes, self.features.shape[1], dtype=torch.float64)
        for rows, labels in zip(self.features.split(_ROWS),
                                self.labels.split(_ROWS), strict=True):
            rows = rows.double()
            sums.index_add_(0, labels, transform(rows) if transform else rows)
        return sums / self.counts().double()[:, None]

    def of_class(self, k: int) -> torch.Tensor:
        """Features of one class, shape (n_k, D)."""
        return self.features[self.labels == k]

    def centred(self) -> 'ClassFeatures':
        """Subtract the mean of the class means.

        Of the class means, not of the images: how often a class occurs says
        nothing about the domain.
        """
        offset = self.means().mean(dim=0).float()
        return replace(self, features=self.features - offset)

    def standardised(self) -> 'ClassFeatures':
        """Divide each feature by its standard deviation, plus a tenth of all.

        The standard deviation is that around the mean of the class means,
        each class having the same weight. The addition, a tenth of the mean
        over all features, keeps those that hardly vary from being blown up.
        """
        offset = self.means().mean(dim=0)
        variances = self.means(lambda rows: (rows - offset).square())
        deviation = variances.mean(dim=0).sqrt().float()
        scale = deviation + _FLOOR * deviation.mean()
        # All zero: nothing varies, nothing is to be scaled.
        scale[scale == 0] = 1
        return replace(self, features=self.features / scale)


class FeatureCost(ImageCost):
    """Base class of distances between class-conditional features.

    Args:
        stage (str): Where in the network the features are taken:
            ``'backbone'``, ``'neck'`` or ``'pre_logits'``; tuples, maps and
            tokens become one vector as
            :func:`~mmjtln.inference.features.pool` says. Defaults to
            ``'neck'``.
        centre (bool): Centre the features of each domain on the mean of its
            class means. Domain shift moves all features of a domain together,
            which would say something about every pair of classes and nothing
            about which are related. Defaults to True.
        standardise (bool): Also divide each feature by its standard deviation
            in the domain: domain shift changes the scale of features as well
            as their mean (Y. Li et al., "Revisiting Batch Normalization for
            Practical Domain Adaptation", ICLR workshop 2017). Less apt where
            the target classes are a narrow part of what the source classes
            cover. Defaults to True.
        **kwargs: Arguments of :class:`ImageCost`.
    """

    def __init__(self,
                 stage: str = 'neck',
                 centre: bool = True,
                 standardise: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice(stage, 'stage', type(self).__name__, STAGES)
        self.stage = stage
        self.centre = centre
        self.standardise = standardise

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple:
        parts = dict(backbone=('backbone', ), neck=('backbone', 'neck'),
                     pre_logits=('backbone', 'neck', 'head'))[self.stage]
        return (self.images(source_dataset, 'source'),
                self.images(target_dataset,
                            'target'), self.network(model, lambda _: parts))

    def measure(self, prepared: tuple) -> RawCost:
        source_images, target_images, model = prepared
        self.require_network(model)
        source = self._features(source_images, model)
        target = self._features(target_images, model)
        # The passes through the network were shared out; this is not.
        return on_first_rank(lambda: self._compare(source, target))

    def _compare(self, source: ClassFeatures,
                 target: ClassFeatures) -> RawCost:
        digest = hashlib.sha256()
        for domain in (source, target):
            digest.update(domain.features.numpy().tobytes())
            digest.update(domain.labels.numpy().tobytes())
        if self.centre:
            source, target = source.centred(), target.centred()
        if self.standardise:
            source, target = source.standardised(), target.standardised()
        matrix, details = self.distances(source, target)
        details = dict(images=[len(source.labels), len(target.labels)],
                       dimensions=source.features.shape[1], **details)
        return RawCost(matrix, digest.hexdigest(), details)

    @abstractmethod
    def distances(self, source: ClassFeatures,
                  target: ClassFeatures) -> tuple[np.ndarray, dict]:
        """Compute the distances of all pairs of classes.

        Returns:
            tuple: Distances, shape (L_s, L_t), and details worth keeping.
        """

    def _features(self, images: DomainImages,
                  model: nn.Module) -> ClassFeatures:
        features = extract_features(model, images, self.stage,
                                    self.batch_size, self.num_workers)
        spread = (features.amax(dim=0) - features.amin(dim=0)).max()
        # What rounding leaves of equal features must not be standardised.
        if len(images) > 1 and spread <= _EQUAL * features.abs().max():
            raise ValueError(
                f'all {images.domain} images have the same {self.stage} '
                'features: the network has collapsed, or the pipeline or '
                'normalisation blanks the images')
        return ClassFeatures(features, torch.from_numpy(images.labels),
                             len(images.classes))
