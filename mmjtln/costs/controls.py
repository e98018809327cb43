"""Costs without the knowledge: controls for those that have it."""
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.errors import check_count, require
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost, both_classes
from .cost_matrix import CostMatrix


@COSTS.register_module()
class RandomCost(BaseCost):
    """Costs drawn evenly from [0, 1), without any knowledge.

    What JTLN gains with such a matrix it owes to the OT term alone.

    Args:
        seed (int): Seed of the draw, not negative. Defaults to 0.
        **kwargs: Arguments of :class:`BaseCost`.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count(seed, 'seed', 'RandomCost', least=0)
        self.seed = seed

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> list[int]:
        """Return the shape (L_s, L_t)."""
        return [*map(len, both_classes(source_dataset, target_dataset))]

    def measure(self, prepared: list[int]) -> RawCost:
        """Draw the costs, shape (L_s, L_t)."""
        matrix = np.random.default_rng(self.seed).random(prepared)
        return RawCost(matrix, hashlib.sha256(matrix.tobytes()).hexdigest())


def derangement(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw an order of 0 to count - 1 (2 or more) with none in its place."""
    require(count >= 2, 'To shuffle target classes takes at least 2',
            f'got {count}', 'Use random costs as the control')
    while True:
        order = rng.permutation(count)
        if (order != np.arange(count)).all():
            return order


@COSTS.register_module()
class ShuffledCost:
    """The matrix of another builder, each target class with another's column.

    It has all that the matrix has but the knowledge which class is which. It
    is called as the other builder is, with two target classes or more.
    ``vectors`` are exchanged likewise, where the other builder has them.

    Args:
        cost (dict): Config of the builder, normalisation included.
        seed (int): Seed of the draw, not negative. Defaults to 0.
    """

    def __init__(self, cost: dict[str, Any], seed: int = 0) -> None:
        check_count(seed, 'seed', 'ShuffledCost', least=0)
        self.seed = seed
        self.builder: Any = COSTS.build(cost)

    def check(self, source_dataset: Dataset, target_dataset: Dataset,
              model: nn.Module | None = None) -> None:
        """Find bad input without doing the work."""
        self._order(target_dataset)
        self.builder.check(source_dataset, target_dataset, model)

    def __call__(self, source_dataset: Dataset, target_dataset: Dataset,
                 model: nn.Module | None = None) -> CostMatrix:
        """Build the other matrix, (L_s, L_t), and shuffle its columns."""
        order = self._order(target_dataset)
        cost: CostMatrix = self.builder(source_dataset, target_dataset, model)
        return replace(
            cost, matrix=cost.matrix[:, order], method='ShuffledCost',
            settings={**self.settings(), 'details': dict(
                order=order.tolist(), parts=[cost.settings['details']])})

    @property
    def vectors(self) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
        """Callable: The other builder's, each target class with another's."""
        encode = self.builder.vectors

        def shuffled(source: Dataset, target: Dataset, *weights: Any) -> Any:
            known, new = encode(source, target, *weights)
            return known, new[self._order(target)]
        return shuffled

    def settings(self) -> dict[str, Any]:
        """Return the options, the other builder's included."""
        return dict(seed=self.seed, cost=dict(
            type=type(self.builder).__name__, **self.builder.settings()))

    def _order(self, target_dataset: Dataset) -> np.ndarray:
        return derangement(len(classes_of(target_dataset, 'target')),
                           np.random.default_rng([self.seed, 1]))
