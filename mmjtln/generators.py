"""The global random number generators: seeding them, and leaving them be.

Augmentations and layers draw from the global generators of Python, NumPy and
torch. Where each draw begins from a seed that is *computed*, from the place
in the run, nothing has to be remembered for the same numbers to come again.
"""
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_generators(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch (CPU).

    ``torch.manual_seed`` would do more, at a hundred times the price, which
    is too much for once an image. ``seed`` is in [0, 2**64).
    """
    random.seed(seed)
    # The same algorithm, of 32 bits: each gets its own.
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
