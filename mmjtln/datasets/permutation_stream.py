"""An endless, seeded order of images, any place of which can be computed."""
import numpy as np


class PermutationStream:
    """Permutations of ``range(size)``, one after the other, without end.

    What stands at a position depends on the arguments alone, so any part of
    the stream can be had without going through what comes before it.

    Args:
        size (int): Number of images.
        seed (Sequence[int]): Seed of the stream, not negative. Permutation
            ``k`` is drawn with ``[*seed, k]``.
        only (int, optional): Repeat the permutation of this number instead
            of drawing new ones. Defaults to None.
        shuffle (bool): Whether to permute. Defaults to True.
    """

    def __init__(self, size: int, seed, only: int | None = None,
                 shuffle: bool = True):
        self.size = size
        self.seed = list(seed)
        self.only = only
        self.shuffle = shuffle
        # The latest permutation, to draw each but once while reading on.
        self._number, self._order = None, None

    def _permutation(self, number: int) -> np.ndarray:
        if self.only is not None:
            number = self.only
        if self._order is None or number != self._number:
            self._number = number
            if self.shuffle:
                rng = np.random.default_rng([*self.seed, number])
                self._order = rng.permutation(self.size)
            else:
                self._order = np.arange(self.size)
        return self._order

    def take(self, start: int, count: int) -> np.ndarray:
        """Return the part of the stream from ``start`` on.

        Args:
            start (int): First position, from 0.
            count (int): Number of positions.

        Returns:
            np.ndarray: Indices in ``range(size)``, shape (count, ).
        """
        parts = []
        while count > 0:
            number, offset = divmod(start, self.size)
            part = self._permutation(number)[offset:offset + count]
            parts.append(part)
            start += len(part)
            count -= len(part)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)
