"""Means, paired differences and their uncertainty."""
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

#: Seeds that an interval needs: that of two is 13 times their difference.
LEAST = 3


@dataclass(frozen=True)
class Interval:
    """Mean and Student's 95 % interval, of :data:`LEAST` seeds or more."""

    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference(Interval):
    """The paired difference; ``p`` of the t test, ``holm`` corrected."""

    p: float | None = None
    holm: float | None = None


def mean_interval(values: Iterable[float], low: float = -math.inf,
                  high: float = math.inf) -> Interval:
    """Return mean and interval of a value a seed, from low to high."""
    values = np.array(list(values), dtype=float)
    if not len(values):
        return Interval(0)
    if len(values) < LEAST or np.ptp(values) == 0:
        return Interval(len(values), float(values.mean()))
    found = stats.ttest_1samp(values, 0.).confidence_interval()
    return Interval(len(values), float(values.mean()),
                    max(float(found.low), low), min(float(found.high), high))


def paired_difference(values: dict[int, float],
                      reference: dict[int, float]) -> Difference:
    """Compare two methods, each by seed, over the seeds that both have."""
    seeds = sorted(values.keys() & reference.keys())
    ours, theirs = (np.array([side[seed] for seed in seeds], dtype=float)
                    for side in (values, reference))
    found = mean_interval(ours - theirs)
    return Difference(**vars(found), p=None if found.low is None else float(
        stats.ttest_rel(ours, theirs).pvalue))


def corrected(found: dict[str, Difference]) -> dict[str, Difference]:
    """Return the differences of a family with their ``holm``."""
    values = holm([difference.p for difference in found.values()])
    return {name: replace(difference, holm=value) for (name, difference), value
            in zip(found.items(), values, strict=True)}


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p values for their number (Holm 1979); None does not count."""
    corrected = list(p_values)
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    floor = 0.
    for k, (p, i) in enumerate(known):
        floor = max(floor, min(1., p * (len(known) - k)))
        corrected[i] = floor
    return corrected
