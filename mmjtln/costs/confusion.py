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
        R_{ij} = \frac{1}{n_j} \sum_{x \in j} \mathrm{softmax}(z(x) / T)_i,
        \qquad C_{ij} = -\log R_{ij},

    with the source logits z of the training images of target class j. T
    minimises the classifier's cross entropy on images of the source domain,
    which makes its confidence right. C is in nats.

    The classifier is ``source_head`` of a JTLN model, else ``head``. It looks
    surer than it is on images it was trained on: calibrate it on others.

    Source: K. You et al., "Co-Tuning for Transfer Learning", NeurIPS 2020,
    section 3; temperature scaling: C. Guo et al., "On Calibration of Modern
    Neural Networks", ICML 2017.

    Args:
        calibrate (bool): Find T; otherwise T = 1. Defaults to True.
        double_centre (bool): As in :class:`BaseCost`. Defaults to True: under
            domain shift a classifier takes most images for a few classes,
            whatever they show, which is a constant on their rows.
        **kwargs: Arguments of :class:`ImageCost`.
    """

    libraries = (*ImageCost.libraries, 'scipy')

    def __init__(self, calibrate: bool = True, double_centre: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(double_centre=double_centre, **kwargs)
        self.calibrate = calibrate

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple[Any, ...]:
        """Check the classifier's classes, and choose the images."""
        classes = classes_of(source_dataset, 'source')
        network = image_model(
            self.model, self.checkpoint,
            lambda found: ('backbone', 'neck', _head_name(found)), model)
        _check_classes(network, classes)
        source = (self.images(source_dataset, 'source')
                  if self.calibrate else None)
        return classes, source, self.images(target_dataset, 'target'), network

    def measure(self, prepared: tuple[Any, ...]) -> RawCost:
        """Let the classifier predict, shape (L_s, L_t)."""
        classes, *domains, network = prepared
        digest, temperature = hashlib.sha256(), 1.0
        head = getattr(network, _head_name(network))
        for images in filter(None, domains):
            logits = run_over_images(
                network, images,
                lambda inputs: logits_of(head(network.extract_feat(inputs))),
                'source logits', self.batch_size, self.num_workers).numpy()
            _check_outputs(logits.shape[1], classes)
            digest.update(logits.tobytes())
            if images.domain == SOURCE:
                temperature = fit_temperature(logits, images.labels)
        relationship = log_relationship(
            logits, images.labels, len(images.classes), temperature)
        return RawCost(-relationship, digest.hexdigest(),
                       dict(calibration=temperature))


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
                      'source classes',
                      f'but {describe_difference(classes, known)}',
                      'Set another')


def _check_outputs(count: int, classes: Sequence[str]) -> None:
    require(count == len(classes), 'ConfusionCost needs a classifier of the '
            f'{len(classes)} source classes', f'but this one has {count} '
            'outputs', 'Set `model` and `checkpoint` to a network trained on '
            'the source data set')


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find T in [0.01, 100] of least cross entropy, which is convex in 1/T."""
    logits = logits.astype(np.float64)

    def cross_entropy(log_temperature: float) -> float:
        scores = scipy.special.log_softmax(
            logits / np.exp(log_temperature), axis=1)
        return -float(scores[np.arange(len(labels)), labels].mean())

    found = scipy.optimize.minimize_scalar(
        cross_entropy, bounds=np.log([0.01, 100]), method='bounded')
    return float(np.exp(found.x))


def log_relationship(logits: np.ndarray, labels: np.ndarray, num_classes: int,
                     temperature: float) -> np.ndarray:
    """Log of the mean prediction over each class's images, (L_s, L_t)."""
    # It never leaves the logarithms, so it is finite.
    scores = scipy.special.log_softmax(
        logits.astype(np.float64) / temperature, axis=1)
    return np.stack([
        scipy.special.logsumexp(scores[labels == j], axis=0)
        - np.log((labels == j).sum()) for j in range(num_classes)], axis=1)
