"""What a comparison finds, as objects; JSON stands in files alone."""
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .statistics import (
    Difference,
    Interval,
    corrected,
    mean_interval,
    paired_difference,
)


@dataclass(frozen=True)
class RunResult:
    """What one run came to, as its ``result.json`` has it; None is unknown.

    Accuracies are in per cent; ``balanced`` is the mean over classes.
    ``options`` are those that differ, ``error`` is the end of a log.
    """

    steps: int | None = None
    seconds: float | None = None
    validation: float | None = None
    test: float | None = None
    balanced: float | None = None
    chosen: str | None = None
    options: dict | None = None
    source_steps: int | None = None
    source_seconds: float | None = None
    error: str | None = None

    @classmethod
    def of(cls, found: dict) -> 'RunResult':
        """Take what is known, of an earlier version's file, too."""
        return cls(**{key: value for key, value in found.items()
                      if key in cls.__dataclass_fields__})

    def to_json(self) -> dict:
        """Return what is known, by name."""
        return {key: value for key, value in vars(self).items()
                if value is not None}


@dataclass(frozen=True)
class MethodResult:
    """What a method is and what was chosen, and its runs."""

    about: dict
    # By shots (None is the config's own number) and seed.
    runs: dict[tuple[int | None, int], RunResult]

    def at(self, shots: int | None) -> dict[int, RunResult]:
        """Return the runs of a number of shots, by seed."""
        return {seed: run for (number, seed), run in self.runs.items()
                if number == shots}


@dataclass(frozen=True)
class Row:
    """A row of the tables: a method at a number of shots."""

    shots: int | None
    method: str
    accuracy: Interval
    balanced: float | None
    failed: int
    seconds: float
    source_seconds: float
    steps: float
    source_steps: float
    against: dict[str, Difference]


@dataclass(frozen=True)
class Results:
    """All that a comparison found: config, seeds, versions; by method."""

    about: dict
    methods: dict[str, MethodResult]

    def to_json(self, rows: list[Row]) -> dict:
        """Return what ``results.json`` holds, the rows as its summary."""
        return dict(
            self.about,
            methods={
                name: dict(
                    method.about,
                    runs=[dict(shots=shots, seed=seed, **run.to_json())
                          for (shots, seed), run in method.runs.items()])
                for name, method in self.methods.items()
            },
            summary=[{key: value for key, value in asdict(row).items()
                      if (key, value) != ('balanced', None)}
                     for row in rows])


def summarise(results: Results, references: list[str]) -> list[Row]:
    """Make the rows of the tables, compared with each of ``references``."""
    numbers = {shots for method in results.methods.values()
               for shots, _ in method.runs}
    rows = []
    for shots in sorted(numbers, key=lambda number: number or 0):
        # Not every method can do without images.
        runs = {name: here for name, method in results.methods.items()
                if (here := method.at(shots))}
        tested = {name: {seed: run for seed, run in here.items()
                         if run.test is not None}
                  for name, here in runs.items()}
        tests: dict[str, Any] = {
            name: {seed: run.test for seed, run in here.items()}
            for name, here in tested.items()}
        against = {
            reference: corrected({
                name: paired_difference(tests[name], tests.get(reference, {}))
                for name in runs if name != reference})
            for reference in references}
        for name, here in runs.items():
            means = {key: float(np.mean([
                getattr(run, key) or 0 for run in tested[name].values()
            ] or [0.])) for key in (
                'seconds', 'source_seconds', 'steps', 'source_steps')}
            balanced = [run.balanced for run in tested[name].values()
                        if run.balanced is not None]
            rows.append(Row(
                shots, name, mean_interval(tests[name].values(), 0., 100.),
                float(np.mean(balanced)) if balanced else None,
                sum(run.error is not None for run in here.values()),
                against={reference: found[name] for reference, found
                         in against.items() if name in found}, **means))
    return rows
