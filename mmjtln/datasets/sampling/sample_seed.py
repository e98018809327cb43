"""The seed of each training sample, computed from its place in the run."""
from collections.abc import Sequence

import numpy as np


class SeededIndex(int):
    """An index of a data set, an int, that carries its sample's seed."""

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SeededIndex':
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __reduce__(self) -> tuple[type, tuple[int, int]]:
        return SeededIndex, (int(self), self.seed)


def sample_seeds(stream: Sequence[int], start: int, count: int) -> list[int]:
    """Return the seeds, in [0, 2**64), of consecutive places of a stream.

    They are the output of a counter-based generator (Philox: J. Salmon et
    al., *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011), so a seed
    depends on ``stream``, whole numbers, and its place alone.
    """
    key = np.random.SeedSequence(stream).generate_state(2, np.uint64)
    generator = np.random.Philox(key=key)
    # A step of its counter gives four numbers.
    steps, passed = divmod(start, 4)
    generator.advance(steps)
    drawn: list[int] = generator.random_raw(passed + count)[passed:].tolist()
    return drawn
