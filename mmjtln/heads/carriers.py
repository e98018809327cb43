"""How a target head is mixed from a source head, by the class names."""
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmjtln.errors import check_choice, require

from .last_layer import output_layers
from .transported import plan_weights

_WIDTHS = (.5, 1., 2., 4., 8.)
_STRENGTHS = (.01, .03, .1, .3, 1., 3., 10.)
# Landmarks of the kernel: with more classes it is approximated by theirs.
_LANDMARKS = 1000
# Columns of the random projection of the weights that leave-one-out judges.
_PROJECTED = 256
_NEAREST = 10


class Regression(NamedTuple):
    """A kernel ridge regression, as leave-one-out has chosen it."""

    mixing: np.ndarray  # A, shape (L_s, L_t).
    width: float  # The kernel's gamma.
    strength: float  # Of the ridge.
    explained: float  # R2 of the source weights of classes left out.


def regression(source: np.ndarray, target: np.ndarray,
               weights: np.ndarray) -> Regression:
    r"""Regress the weights of classes on the vectors of their names.

    Kernel ridge regression with :math:`k(e, f) = \exp(-\gamma |e - f|^2)`,
    whose prediction for the target is a mixing of the source weights less
    their mean:

    .. math:: A = (I - 11^T / L_s) (K + l I)^{-1} k(E_s, E_t)

    :math:`\gamma` and l have the least squared error when each source class
    is left out, so no image and no target class has a say. With more than
    1,000 source classes K is that of as many landmarks (C. Williams and M.
    Seeger, "Using the Nystroem Method to Speed Up Kernel Machines", NIPS
    2000). Leave-one-out judges a random projection of the weights to 256
    columns, always the same.

    Source: S. Changpinyo, W.-L. Chao and F. Sha, "Predicting Visual Exemplars
    of Unseen Classes for Zero-Shot Learning", ICCV 2017, for visual
    exemplars in place of weights.

    Args:
        source (np.ndarray): E_s, unit vectors, shape (L_s, E).
        target (np.ndarray): E_t, likewise, shape (L_t, E).
        weights (np.ndarray): Weights and biases of the source head, shape
            (L_s, D).
    """
    rng = np.random.default_rng(0)
    count = len(source)
    chosen = np.sort(rng.permutation(count)[:_LANDMARKS])
    wanted = weights - weights.mean(0)
    if wanted.shape[1] > _PROJECTED:
        wanted = wanted @ rng.standard_normal((wanted.shape[1], _PROJECTED))
    best: Regression | None = None
    for width in _WIDTHS:
        features, directions = _features(source, source[chosen], width)
        size, basis = np.linalg.eigh(features.T @ features)
        inner = features @ basis
        moments = inner.T @ wanted
        for strength in _STRENGTHS:
            shrunk = 1 / (size + strength)
            left = (wanted - (inner * shrunk) @ moments) / (
                1 - (inner**2 @ shrunk))[:, None]
            explained = float(1 - (left**2).sum() / ((wanted**2).sum() or 1))
            if best is None or explained > best.explained:
                asked = _kernel(target, source[chosen], width) @ (
                    directions @ basis)
                mixing = (inner * shrunk) @ asked.T
                best = Regression(
                    mixing - mixing.mean(0), width, strength, explained)
    assert best is not None  # The grid is not empty.
    print_log(
        'The regression from names to weights, chosen by leaving each source '
        f'class out: width {best.width:g}, strength {best.strength:g}, '
        f'{best.explained:.1%} of the variance explained.', logger='current')
    return best


def _kernel(rows: np.ndarray, others: np.ndarray, width: float) -> np.ndarray:
    values: np.ndarray = np.exp(-2 * width * (1 - rows @ others.T))
    return values


def _features(rows: np.ndarray, landmarks: np.ndarray, width: float
              ) -> tuple[np.ndarray, np.ndarray]:
    """Return features whose products are the kernel, and how to get them."""
    size, basis = np.linalg.eigh(_kernel(landmarks, landmarks, width))
    kept = size > 1e-9 * size[-1]
    directions = basis[:, kept] / np.sqrt(size[kept])
    return _kernel(rows, landmarks, width) @ directions, directions


def mean_of_nearest(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mix the ten source classes with the nearest names in equal parts."""
    near = np.argsort(-(source @ target.T), axis=0, kind='stable')[:_NEAREST]
    mixing = np.zeros((len(source), len(target)))
    np.put_along_axis(mixing, near, 1 / len(near), axis=0)
    return mixing


def sparse(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mix as the vector of the name is mixed of at most ten others.

    By orthogonal matching pursuit. Source: G. Burghouts et al.,
    "Synthesizing Classifiers from Prior Knowledge", VISAPP 2024.
    """
    mixing = np.zeros((len(source), len(target)))
    for j, vector in enumerate(target):
        chosen: list[int] = []
        rest = vector
        for _ in range(min(_NEAREST, len(source))):
            if np.linalg.norm(rest) < 1e-6:
                break
            chosen.append(int(np.abs(source @ rest).argmax()))
            shares = np.linalg.lstsq(source[chosen].T, vector, rcond=None)[0]
            rest = vector - shares @ source[chosen]
        mixing[chosen, j] = shares
    return mixing


CARRIERS = ('plan', 'nearest', 'regression', 'mean', 'sparse')


def mixing_weights(carrier: str, cost: Tensor, weights: Tensor,
                   vectors: tuple[np.ndarray, np.ndarray] | None = None
                   ) -> Tensor:
    """Say how a target head is mixed from the source head.

    Args:
        carrier (str): One of the table in mmjtln/heads/README.md. Those that
            go by vectors are scaled so that the head is as large as the
            plan's.
        cost (Tensor): C, shape (L_s, L_t).
        weights (Tensor): Weights of the source head, shape (L_s, D).
        vectors (tuple[np.ndarray, np.ndarray], optional): Unit vectors of the
            names, shapes (L_s, E) and (L_t, E). Defaults to None.

    Returns:
        Tensor: A, (L_s, L_t), float64, for :func:`~mmjtln.heads.carry_over`.

    Raises:
        ValueError: If the carrier is unknown, or lacks the vectors it needs.
    """
    check_choice(carrier, 'carrier', 'a head by names', CARRIERS)
    if carrier == 'nearest':
        return plan_weights(cost, relax=0.)
    plan = plan_weights(cost)
    if carrier == 'plan':
        return plan
    require(vectors is not None, f'The carrier {carrier!r} goes by vectors of '
            'the class names', 'but the cost matrix comes without',
            "Set the cost to dict(type='mmjtln.TextCost'), or carrier='plan'")
    assert vectors is not None
    known = weights.detach().double().cpu()
    mixing = torch.as_tensor(
        regression(*vectors, known.numpy()).mixing if carrier == 'regression'
        else mean_of_nearest(*vectors) if carrier == 'mean'
        else sparse(*vectors))
    return mixing * (_size(plan, known) / max(_size(mixing, known), 1e-12))


def mix_by(builder: Any, known: Dataset, target: Dataset, weights: Tensor,
           carrier: str = 'regression', model: nn.Module | None = None
           ) -> tuple[Any, Tensor]:
    """Build the costs of two class lists, and mix a head by them.

    A builder that has vectors is asked for them first: by the weights, (L_s,
    D), it chooses an encoder. Returned are its cost matrix and A, (L_s, L_t).
    """
    encode = getattr(builder, 'vectors', None)
    vectors = None if encode is None else encode(known, target, weights)
    cost = builder(known, target, model)
    return cost, mixing_weights(
        carrier, torch.as_tensor(cost.matrix), weights, vectors)


def source_weights(head: nn.Module, num_classes: int) -> Tensor:
    """Return weights and biases of a head's first output layer, (L_s, D)."""
    layer = next(iter(output_layers(head, num_classes).values()))
    parts = [layer.weight] + (
        [] if layer.bias is None else [layer.bias[:, None]])
    return torch.cat(parts, dim=1).detach()


def _size(mixing: Tensor, weights: Tensor) -> float:
    centred = mixing - mixing.mean(1, keepdim=True)
    return float((centred.T @ weights).norm())
