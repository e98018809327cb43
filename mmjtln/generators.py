"""Random numbers: seeds by place, global generators seeded or left alone.

Where each draw begins from a seed that is *computed*, from the place in the
run, nothing has to be remembered for the same numbers to come again.
"""
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch


def seed_generators(seed: int) -> None:
    """Seed the global generators of Python, NumPy, torch (CPU); < 2**64."""
    random.seed(seed)
    # The same algorithm, of 32 bits: each gets its own. Once an image,
    # `torch.manual_seed` would take a hundred times as long.
    np.random.seed(seed & 0xffffffff)
    torch.default_generator.manual_seed(seed >> 32)


@contextmanager
def kept_generators() -> Iterator:
    """Give the global generators back as they were (Python, NumPy, CPU)."""
    states = (random.getstate(), np.random.get_state(),
              torch.default_generator.get_state())
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.default_generator.set_state(states[2])


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

    By a counter-based generator (J. Salmon et al., *Parallel Random Numbers:
    As Easy as 1, 2, 3*, SC 2011): they depend on stream and place alone.
    """
    key = np.random.SeedSequence(stream).generate_state(2, np.uint64)
    generator = np.random.Philox(key=key)
    # A step of its counter gives four numbers.
    steps, passed = divmod(start, 4)
    generator.advance(steps)
    drawn: list[int] = generator.random_raw(passed + count)[passed:].tolist()
    return drawn
