"""How a source classifier takes target images."""
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import (
    classes_of,
    describe_difference,
    domain_classes,
    names_match,
)
from mmjtln.domains import SOURCE
from mmjtln.errors import refusal, require
from mmjtln.heads.logits import logits_of
from mmjtln.inference.features import image_model, run_over_images
from mmjtln.registry import COSTS

from .base import RawCost
from .image_cost import ImageCost


@COSTS.register_module()
class ConfusionCost(ImageCost):
    r"""How a source classifier distributes its predictions over target images.

    .. math::
        R_{ij} = \frac{1}{n_j} \sum_{x \in j} \mathrm{softmax}(z(x))_i,
        \qquad C_{ij} = -\log R_{ij},

    with the source logits z of the training images of target class j, by
    ``source_head`` of a JTLN model, else ``head``. C is in nats. No source
    image is looked at.

    Source: K. You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020,
    section 3, without the temperature.

    Args:
        double_centre (bool): As in :class:`BaseCost`. Defaults to True: under
            domain shift a classifier takes most images for a few classes,
            whatever they show, which is a constant on their rows.
        **kwargs: Arguments of :class:`ImageCost`.
    """

    libraries = (*ImageCost.libraries, 'scipy')

    def __init__(self, double_centre: bool = True, **kwargs: Any) -> None:
        super().__init__(double_centre=double_centre, **kwargs)

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple[Any, ...]:
        """Check the classifier's classes, and choose the images."""
        classes = classes_of(source_dataset, 'source')
        network = image_model(
            self.model, self.checkpoint,
            lambda found: ('backbone', 'neck', _head_name(found)), model)
        _check_classes(network, classes)
        return classes, self.images(target_dataset, 'target'), network

    def measure(self, prepared: tuple[Any, ...]) -> RawCost:
        """Let the classifier predict, shape (L_s, L_t)."""
        classes, images, network = prepared
        head = getattr(network, _head_name(network))
        logits = run_over_images(
            network, images,
            lambda inputs: logits_of(head(network.extract_feat(inputs))),
            'source logits', self.batch_size, self.num_workers).numpy()
        _check_outputs(logits.shape[1], classes)
        relationship = log_relationship(
            logits, images.labels, len(images.classes))
        return RawCost(-relationship,
                       hashlib.sha256(logits.tobytes()).hexdigest())


def _head_name(network: nn.Module) -> str:
    return 'source_head' if hasattr(network, 'source_head') else 'head'


def _check_classes(network: nn.Module, classes: Sequence[str]) -> None:
    head = getattr(network, _head_name(network))
    _check_outputs(getattr(head, 'num_classes', len(classes)), classes)
    # MMPretrain's checkpoints name the classes they were trained on; those
    # of a joint model name the source's apart.
    meta = getattr(network, '_dataset_meta', {})
    known = domain_classes(meta, SOURCE) or meta.get('classes', classes)
    if not names_match(known, classes):
        raise refusal('The checkpoint of ConfusionCost must be trained on the '
                      'source classes', 'but '
                      f'{describe_difference(classes, known)}', 'Set another')


def _check_outputs(count: int, classes: Sequence[str]) -> None:
    require(count == len(classes), 'ConfusionCost needs a classifier of the '
            f'{len(classes)} source classes', f'but this one has {count} '
            'outputs', 'Set `model` and `checkpoint` to a network trained on '
            'the source data set')


def log_relationship(logits: np.ndarray, labels: np.ndarray,
                     num_classes: int) -> np.ndarray:
    """Log of the mean prediction over each class's images, (L_s, L_t)."""
    # It never leaves the logarithms, so it is finite.
    scores = scipy.special.log_softmax(logits.astype(np.float64), axis=1)
    return np.stack([
        scipy.special.logsumexp(scores[labels == j], axis=0)
        - np.log((labels == j).sum()) for j in range(num_classes)], axis=1)
