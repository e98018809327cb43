"""How a head is fitted to few images: what cross-validation finds best."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .linear_fit import Head, fit_linear, loss_of

#: From features (N, D) and labels of the images at hand to W_0 and b_0.
Start = Callable[[np.ndarray, np.ndarray], Head]
#: Takes a mask (N, ) of images held out and a head fitted to the others; tunes
#: the network from that head, and returns the classes of those held out.
Tuned = Callable[[np.ndarray, Head], np.ndarray]
#: Stands behind a start's name where the network was tuned from its head.
TUNED = ', all tuned'
#: Level with the best of them for one to ten images a class, in comparisons.
DEFAULT_PENALTY = 0.01
PENALTIES = (DEFAULT_PENALTY, 0.001, 0.1, 1., 10.)
_MOST_FOLDS = 5
# Standard errors by which another way must be ahead of the first: the best of
# many on few images is best by chance.
_AHEAD = 2.
_DRAWS = 1000
# Of the normal distribution, 95 % within.
_Z = 1.96


@dataclass(frozen=True)
class Estimate:
    """An accuracy in per cent, with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{self.value:.1f} % [{self.low:.1f}, {self.high:.1f}]'


@dataclass(frozen=True)
class Selection:
    """What each way of fitting a head predicts of images held out."""

    # Class indices, shape (N, ), by the name of the start and the penalty.
    predicted: dict[tuple[str, float], np.ndarray]
    labels: np.ndarray
    folds: int  # Number of parts, each held out once.
    balanced: bool = False  # Whether each class counts the same.

    @cached_property
    def chosen(self) -> tuple[str, float]:
        """tuple[str, float]: Start and penalty, see :func:`_choose`."""
        shares = image_shares(self.labels, self.balanced)
        right = np.array([*self.predicted.values()]) == self.labels
        return [*self.predicted][int(_choose(right, shares[None])[0])]

    def accuracy(self, start: str | None = None) -> Estimate:
        """Estimate the accuracy of what is chosen, of all or of one start."""
        return estimate([found for (name, _), found in self.predicted.items()
                         if start in (None, name)], self.labels, self.balanced)


def select(features: np.ndarray, labels: np.ndarray,
           starts: Mapping[str, Start],
           penalties: Sequence[float] = PENALTIES,
           balanced: bool = False,
           tuned: Tuned | None = None) -> Selection | None:
    """Fit a head from each start and with each penalty to parts of the images.

    ``features`` are (N, D), ``labels`` class indices, (N, ). The first start
    and penalty are kept unless others do better for sure. ``balanced`` weighs
    classes equally, in fit and choice; ``tuned`` tunes the network from the
    head of that start and penalty. None if a class has one image: it cannot
    be held out.
    """
    counts = np.bincount(labels)
    folds = fold_count(labels)
    if folds < 2:
        return None
    part = np.empty_like(labels)
    for label, count in enumerate(counts):
        part[labels == label] = np.arange(count) % folds
    predicted = {(name, penalty): np.empty_like(labels)
                 for name in starts for penalty in penalties}
    first = next(iter(predicted))
    if tuned is not None:
        predicted[first[0] + TUNED, first[1]] = np.empty_like(labels)
    for held in (part == fold for fold in range(folds)):
        seen = features[~held], labels[~held]
        loss = loss_of(seen[1], balanced)
        for name, start in starts.items():
            begin = start(*seen)
            for penalty in penalties:
                head = fit_linear(*seen, begin, penalty, loss)
                predicted[name, penalty][held] = (
                    features[held] @ head[0].T + head[1]).argmax(1)
                if tuned is not None and (name, penalty) == first:
                    predicted[name + TUNED, penalty][held] = tuned(held, head)
    return Selection(predicted, labels, folds, balanced)


def fit_selected(features: np.ndarray, labels: np.ndarray,
                 starts: Mapping[str, Start],
                 penalties: Sequence[float] = PENALTIES,
                 balanced: bool = False, tuned: Tuned | None = None
                 ) -> tuple[Head, tuple[str, float], Selection | None]:
    """Fit a head to all images as :func:`select` finds best.

    Returns:
        tuple[Head, tuple[str, float], Selection | None]: The head, its start
        and penalty (the first of each with one image of a class), and what
        chose them. Where tuning does best, it is the head to tune from.
    """
    selection = select(features, labels, starts, penalties, balanced, tuned)
    chosen = selection.chosen if selection else (
        next(iter(starts)), penalties[0])
    start = starts[chosen[0].removesuffix(TUNED)](features, labels)
    head = fit_linear(
        features, labels, start, chosen[1], loss_of(labels, balanced))
    return head, chosen, selection


def fold_count(labels: np.ndarray) -> int:
    """Return in how many parts images are held out; 1 is none."""
    return min(_MOST_FOLDS, int(np.bincount(labels).min()))


def image_shares(labels: np.ndarray, balanced: bool) -> np.ndarray:
    """Return what each image counts, shape (N, ), in all 1."""
    counts = np.bincount(labels)
    return (1 / ((counts > 0).sum() * counts[labels]) if balanced
            else np.full(len(labels), 1 / len(labels)))


def _choose(right: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Choose the first of C classifiers, or the best if surely better, (B, ).

    By whether each is right, (C, N), and by what the images count, (B, N).
    """
    shares = shares / shares.sum(1, keepdims=True)
    ahead = right.astype(float) - right[0]
    mean, square = shares @ ahead.T, shares @ (ahead**2).T
    error = np.sqrt((square - mean**2).clip(0) * (shares**2).sum(
        1, keepdims=True))
    best = mean.argmax(1)
    rows = np.arange(len(best))
    return np.where(mean[rows, best] > _AHEAD * error[rows, best], best, 0)


def estimate(predicted: Sequence[np.ndarray], labels: np.ndarray,
             balanced: bool = False) -> Estimate:
    """Estimate the accuracy of what is chosen of several classifiers.

    The choice on the images is flattered by them. So images are drawn with
    replacement, the choice on those is judged by the others, and the mean
    over 1,000 draws, always the same, is taken; of one there is no choice.
    The interval is that of a share of as many independent images.

    Source: I. Tsamardinos, E. Greasidou and G. Borboudakis, "Bootstrapping
    the out-of-sample predictions for efficient and accurate
    cross-validation", Machine Learning 107 (2018), algorithm 5; E. B. Wilson,
    "Probable Inference, the Law of Succession, and Statistical Inference",
    Journal of the American Statistical Association 22 (1927).

    Args:
        predicted (Sequence[np.ndarray]): Of images that each classifier has
            not been fitted on, shape (N, ) each.
        labels (np.ndarray): Shape (N, ).
        balanced (bool): Whether each class counts the same.
    """
    right = np.array(predicted) == labels
    shares = image_shares(labels, balanced)
    draws = np.random.default_rng(0).multinomial(
        len(labels), np.full(len(labels), 1 / len(labels)), _DRAWS)
    best = _choose(right, draws * shares)
    judge = draws == 0
    # All images together, or class by class.
    groups = np.eye(labels.max() + 1)[labels] if balanced else (
        np.ones((len(labels), 1)))
    groups = groups[:, groups.any(0)]
    found = ((judge * right[best]) @ groups).sum(0) / (judge @ groups).sum(0)
    value = found.mean() if len(right) > 1 else shares @ right[0]
    images = 1 / (shares**2).sum()
    centre = (value + _Z**2 / images / 2) / (1 + _Z**2 / images)
    radius = _Z / (1 + _Z**2 / images) * np.sqrt(
        value * (1 - value) / images + (_Z / images / 2)**2)
    return Estimate(*(100 * float(part) for part in (
        value, centre - radius, centre + radius)))
