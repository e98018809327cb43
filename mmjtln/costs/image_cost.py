"""Bases of the builders that look at images through a network."""
import hashlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmjtln.datasets import ClassList
from mmjtln.errors import check_choice, check_count, require
from mmjtln.inference.domain_images import DomainImages, check_pipeline
from mmjtln.inference.features import STAGES, extract_features, image_model

from .base import BaseCost, RawCost

# Part of the mean deviation that is added to each, and relative difference up
# to which features count as equal.
_FLOOR, _EQUAL = 0.1, 1e-6


class ImageCost(BaseCost):
    """Base class of builders that run a network over images.

    Args:
        model (dict | str, optional): A network, as
            :func:`~mmjtln.inference.features.image_model` takes it. Defaults
            to None: the model being trained.
        checkpoint (str, optional): Weights of ``model``. Defaults to None.
        pipeline (list[dict] | dict, optional): Transforms without random
            augmentation, normally the test pipeline; a dict with the keys
            ``source`` and ``target`` gives each domain its own. Defaults to
            None: the data sets' own, refused if they augment at random.
        samples_per_class (int, optional): Images drawn from each class at
            most; None takes all. Defaults to 50.
        seed (int): Seed of that draw. Defaults to 0.
        batch_size (int): Images in a forward pass. Defaults to 64.
        num_workers (int): Processes that load images. Defaults to 0.
        **kwargs: Arguments of :class:`BaseCost`.
    """

    libraries: tuple[str, ...] = ('numpy', 'torch', 'mmengine', 'mmpretrain')

    def __init__(self, model: dict[str, Any] | str | None = None,
                 checkpoint: str | None = None,
                 pipeline: list[Any] | dict[str, Any] | None = None,
                 samples_per_class: int | None = 50, seed: int = 0,
                 batch_size: int = 64, num_workers: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for value, name, least in (
                (1 if samples_per_class is None else samples_per_class,
                 'samples_per_class', 1), (seed, 'seed', 0),
                (batch_size, 'batch_size', 1),
                (num_workers, 'num_workers', 0)):
            check_count(value, name, type(self).__name__, least)
        check_pipeline(pipeline)
        self.model, self.checkpoint = model, checkpoint
        self.pipeline, self.seed = pipeline, seed
        self.samples_per_class = samples_per_class
        self.batch_size, self.num_workers = batch_size, num_workers

    def images(self, dataset: Dataset, domain: str) -> DomainImages:
        """Choose the images of a domain, of each class some."""
        require(not isinstance(dataset, ClassList),
                f'{type(self).__name__} compares images',
                f'but the {domain} is a ClassList, which has none',
                'Use TextCost, TaxonomyCost or FileCost, or give it images')
        return DomainImages(dataset, domain, self.pipeline,
                            self.samples_per_class, self.seed)


@dataclass
class ClassFeatures:
    """Features (N, D), float32, and labels (N, ), int64, of one domain."""

    features: Tensor
    labels: Tensor
    num_classes: int  # Each has an image.

    def of_class(self, k: int) -> Tensor:
        """Features of one class, shape (n_k, D)."""
        return self.features[self.labels == k]

    def standardised(self) -> 'ClassFeatures':
        """Centre and scale the domain, see :class:`FeatureCost`."""
        offset = self._mean(lambda rows: rows)
        deviation = self._mean(lambda rows: (rows - offset).square()).sqrt()
        # The addition keeps features that hardly vary from being blown up.
        scale = deviation + _FLOOR * deviation.mean()
        scale[scale == 0] = 1  # Nothing varies.
        return replace(self, features=(
            self.features - offset.float()) / scale.float())

    def _mean(self, transform: Callable[[Tensor], Tensor]) -> Tensor:
        """Mean over classes of their means of ``transform``, (D, )."""
        # How often a class occurs says nothing about the domain.
        return torch.stack([
            transform(self.of_class(k).double()).mean(dim=0)
            for k in range(self.num_classes)]).mean(dim=0)


class FeatureCost(ImageCost):
    """Base class of distances between class-conditional features.

    Domain shift moves and scales all features of a domain together. So they
    are centred on the mean of the class means and divided by their standard
    deviation first (Y. Li et al., "Revisiting Batch Normalization for
    Practical Domain Adaptation", ICLR workshop 2017).

    Args:
        stage (str): Where in the network the features are taken:
            ``'backbone'``, ``'neck'`` (the default) or ``'pre_logits'``; see
            :func:`~mmjtln.inference.features.pool`.
        **kwargs: Arguments of :class:`ImageCost`.
    """

    def __init__(self, stage: str = 'neck', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice(stage, 'stage', type(self).__name__, STAGES)
        self.stage = stage

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple[Any, ...]:
        """Choose the images of both domains, and the network."""
        parts = ('backbone', 'neck', 'head')[:STAGES.index(self.stage) + 1]
        return (self.images(source_dataset, 'source'),
                self.images(target_dataset, 'target'),
                image_model(self.model, self.checkpoint, lambda _: parts,
                            model))

    def measure(self, prepared: tuple[Any, ...]) -> RawCost:
        """Compute the features, and the distances, shape (L_s, L_t)."""
        *domains, model = prepared
        digest, both = hashlib.sha256(), []
        for images in domains:
            features = extract_features(model, images, self.stage,
                                        self.batch_size, self.num_workers)
            spread = (features.amax(dim=0) - features.amin(dim=0)).max()
            # What rounding leaves of equal features must not be standardised.
            require(len(images) == 1 or spread > _EQUAL * features.abs().max(),
                    'Images must have features that differ',
                    f'but all {images.domain} images have the same '
                    f'{self.stage} features', 'Correct the weights of the '
                    'network, the pipeline or the normalisation')
            digest.update(features.numpy().tobytes())
            digest.update(images.labels.tobytes())
            both.append(ClassFeatures(
                features, torch.from_numpy(images.labels),
                len(images.classes)).standardised())
        source, target = both
        matrix, details = self.distances(source, target)
        details = dict(images=[len(source.labels), len(target.labels)],
                       dimensions=source.features.shape[1], **details)
        return RawCost(matrix, digest.hexdigest(), details)

    @abstractmethod
    def distances(self, source: ClassFeatures,
                  target: ClassFeatures
                  ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return distances, shape (L_s, L_t), and details worth keeping."""
