"""Costs of the right kind for the wrong classes, as a control."""
import hashlib

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.errors import check_count
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost


def derangement(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random order of 0 to count - 1 that leaves none in its place.

    Args:
        count (int): How many, at least 2.
        rng (np.random.Generator): Draws it.

    Returns:
        np.ndarray: int64, shape (count, ).

    Raises:
        ValueError: If there are fewer.
    """
    if count < 2:
        raise ValueError(
            'Columns of target classes are exchanged, of which there must be '
            f'at least 2, got {count}. Use random costs as the control.')
    while True:
        order = rng.permutation(count)
        if (order != np.arange(count)).all():
            return order


@COSTS.register_module()
class ShuffledCost(BaseCost):
    """The matrix of another builder, each target class with another's column.

    It has all that the matrix has but the knowledge which class is which.
    What is gained with it is not owed to that: a target head that is carried
    over by it begins at a classifier, too, though of the wrong classes.

    Needs and costs what the other builder does.

    Args:
        cost (dict): Config of the builder, normalisation included.
        seed (int): Seed of the draw, not negative. Defaults to 0.

    Raises:
        ValueError: If there are fewer than two target classes.
    """

    def __init__(self, cost: dict, seed: int = 0) -> None:
        super().__init__(scale=False)
        check_count(seed, 'seed', 'ShuffledCost', least=0)
        self.cost = cost
        self.seed = seed
        self.parts = [COSTS.build(cost)]

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple:
        """Draw the order, and prepare the other builder."""
        classes = [classes_of(dataset, side) for side, dataset in (
            ('source', source_dataset), ('target', target_dataset))]
        order = derangement(
            len(classes[1]), np.random.default_rng([self.seed, 1]))
        return self.parts[0].prepare(
            source_dataset, target_dataset, model), classes, order

    def measure(self, prepared: tuple) -> RawCost:
        """Exchange the columns of the other matrix, shape (L_s, L_t)."""
        prepared, classes, order = prepared
        costs, found = self.parts[0].evaluate(prepared, *classes)
        shuffled = np.ascontiguousarray(costs[:, order])
        return RawCost(shuffled, hashlib.sha256(shuffled).hexdigest(),
                       dict(order=order.tolist(), parts=[found.details]))

    def settings(self) -> dict:
        """Return the options, all of the other builder's included."""
        part, = self.parts
        return {**super().settings(), 'cost': dict(
            type=type(part).__name__, **part.settings())}

    def versions(self) -> dict:
        """Return the versions of the libraries of the other builder."""
        return self.parts[0].versions()
