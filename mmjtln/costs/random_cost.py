"""Costs that know nothing: a control for those that do."""
import hashlib
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.errors import check_count
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost


@COSTS.register_module()
class RandomCost(BaseCost):
    """Costs drawn evenly from [0, 1), without any knowledge.

    What JTLN gains with such a matrix it does not owe to prior knowledge: the
    OT term also teaches the source head to tell target classes apart, whatever
    they are called. So compare a cost matrix with this one.

    Needs: nothing. Cost: none.

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
        return [len(classes_of(dataset, side)) for side, dataset in (
            ('source', source_dataset), ('target', target_dataset))]

    def measure(self, prepared: list[int]) -> RawCost:
        """Draw the costs, shape (L_s, L_t)."""
        matrix = np.random.default_rng(self.seed).random(prepared)
        return RawCost(matrix, hashlib.sha256(matrix.tobytes()).hexdigest())
