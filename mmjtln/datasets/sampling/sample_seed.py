"""The seed of each training sample, computed from its place in the run."""
from collections.abc import Sequence

import numpy as np


class SeededIndex(int):
    """An index of a data set that carries the seed of its sample.

    It is an int in every respect, and keeps its seed on the way to a worker.

    Args:
        index (int): Index of an image.
        seed (int): Seed of the sample's random augmentation, in [0, 2**64).
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SeededIndex':
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __reduce__(self) -> tuple[type, tuple[int, int]]:
        return SeededIndex, (int(self), self.seed)


def sample_seeds(stream: Sequence[int], start: int, count: int) -> list[int]:
    """Return the seeds of consecutive places of a stream of samples.

    They are the output of a counter-based generator (Philox: J. Salmon et
    al., *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011), so a seed
    depends on ``stream`` and its place alone, and none is drawn before it.

    Args:
        stream (Sequence[int]): Identifies the stream; not negative.
        start (int): First place, from 0.
        count (int): Number of places.

    Returns:
        list[int]: In [0, 2**64), ``count`` of them.
    """
    key = np.random.SeedSequence(stream).generate_state(2, np.uint64)
    generator = np.random.Philox(key=key)
    # A step of its counter gives four numbers.
    steps, passed = divmod(start, 4)
    generator.advance(steps)
    drawn: list[int] = generator.random_raw(passed + count)[passed:].tolist()
    return drawn
