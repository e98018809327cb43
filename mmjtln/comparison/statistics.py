"""Means, paired differences and their uncertainty."""
from collections.abc import Sequence

import numpy as np
from scipy import stats


def mean_interval(values: Sequence[float]) -> dict:
    """Return the mean and Student's 95 % confidence interval of it.

    Args:
        values (Sequence[float]): One value a seed.

    Returns:
        dict: ``n``, ``mean``, ``low``, ``high``; the interval is None with
        fewer than two values and where all are the same, which tells nothing
        of their spread; the mean is None with no value.
    """
    values = np.asarray(list(values), dtype=float)
    result = dict(n=len(values), mean=None, low=None, high=None)
    if len(values):
        result['mean'] = float(values.mean())
    if len(values) > 1 and np.ptp(values) > 0:
        half = (stats.t.ppf(0.975, len(values) - 1)
                * stats.sem(values))
        result.update(low=float(values.mean() - half),
                      high=float(values.mean() + half))
    return result


def paired_difference(values: dict, reference: dict) -> dict:
    """Compare two methods over the seeds that both have finished.

    Args:
        values (dict[int, float]): By seed.
        reference (dict[int, float]): By seed.

    Returns:
        dict: As :func:`mean_interval` of the differences, and ``p``, the
        two-sided p value of the paired t test; None with fewer than two
        seeds in common, or without any variation.
    """
    seeds = sorted(set(values) & set(reference))
    difference = np.array([values[seed] - reference[seed] for seed in seeds])
    result = dict(mean_interval(difference), p=None)
    if len(seeds) > 1 and np.ptp(difference) > 0:
        result['p'] = float(stats.ttest_1samp(difference, 0.).pvalue)
    return result


def holm(p_values: Sequence[float | None]) -> list:
    """Correct p values for their number (Holm 1979).

    Sorted ascending, the k-th of m is multiplied by m - k + 1, and none gets
    below the one before.

    Args:
        p_values (Sequence[float | None]): None is passed through and does not
            count.

    Returns:
        list[float | None]: In the order given.
    """
    corrected = list(p_values)
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    floor = 0.
    for k, (p, i) in enumerate(known):
        floor = max(floor, min(1., p * (len(known) - k)))
        corrected[i] = floor
    return corrected


def summarise(results: dict, references: list[str]) -> list[dict]:
    """Make the rows of the tables.

    Args:
        results (dict): What :meth:`Study.run` returns.
        references (list[str]): Methods with which the others are compared.

    Returns:
        list[dict]: For each number of shots and method: ``shots``,
        ``method``, ``accuracy`` (mean and interval), ``failed`` (int) and
        ``against``, for each reference the paired difference and its ``holm``
        corrected p value, one family for each reference and number of shots.
    """
    methods = results['methods']
    shots_of = {run['shots']: None for method in methods.values()
                for run in method['runs']}
    rows = []
    for shots in sorted(shots_of, key=lambda number: number or 0):
        by_seed = {
            name: {run['seed']: run['test'] for run in method['runs']
                   if run['shots'] == shots and 'test' in run}
            for name, method in methods.items()
        }
        here = [
            dict(
                shots=shots,
                method=name,
                accuracy=mean_interval(by_seed[name].values()),
                failed=sum('error' in run for run in method['runs']
                           if run['shots'] == shots),
                seconds=_mean(method, shots, 'seconds'),
                source_seconds=_mean(method, shots, 'source_seconds'),
                steps=_mean(method, shots, 'steps'),
                source_steps=_mean(method, shots, 'source_steps'),
                against={}) for name, method in methods.items()
            # Not every method can do without images.
            if any(run['shots'] == shots for run in method['runs'])
        ]
        for reference in references:
            others = [row for row in here if row['method'] != reference]
            for row in others:
                row['against'][reference] = paired_difference(
                    by_seed[row['method']], by_seed[reference])
            corrected = holm([row['against'][reference]['p']
                              for row in others])
            for row, p in zip(others, corrected, strict=True):
                row['against'][reference]['holm'] = p
        rows += here
    return rows


def _mean(method: dict, shots: int | None, key: str) -> float:
    found = [run.get(key, 0) for run in method['runs']
             if run['shots'] == shots and 'test' in run]
    return float(np.mean(found)) if found else 0.
