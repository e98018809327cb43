"""A weighted sum of other cost matrices."""
import hashlib
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of
from mmjtln.errors import check_real
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost
from .normalise import normalise


@COSTS.register_module()
class CompositeCost(BaseCost):
    r"""Weighted mean of the matrices of other builders.

    .. math:: C = \sum_k w_k \tilde C_k / \sum_k w_k,

    where :math:`\tilde C_k` is the k-th builder's matrix, by its own options,
    then scaled to [0, 1] whatever those are: distances in different units
    cannot be added.

    Needs and costs what its parts do.

    Args:
        costs (list[dict]): Configs of the builders.
        weights (list[float], optional): One non-negative weight each, not all
            zero. Defaults to None, equal weights.
        **kwargs: Arguments of :class:`BaseCost`, for the sum.

    Raises:
        ValueError: If there is no part, or the weights do not fit.
    """

    def __init__(self,
                 costs: list[dict],
                 weights: list[float] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not costs:
            raise ValueError('a CompositeCost needs one or more costs')
        self.costs = costs
        self.weights = [1.0] * len(costs) if weights is None else weights
        if len(self.weights) != len(costs):
            raise ValueError(f'a CompositeCost of {len(costs)} costs needs as '
                             f'many weights, got {len(self.weights)}')
        for weight in self.weights:
            check_real(weight, 'weights', 'CompositeCost')
        if not any(self.weights):
            raise ValueError('`weights` of CompositeCost must not all be '
                             f'zero, got {list(self.weights)}. Set one.')
        self.parts = [COSTS.build(config) for config in costs]

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> tuple:
        prepared = [
            part.prepare(source_dataset, target_dataset, model)
            for part in self.parts
        ]
        return prepared, (classes_of(source_dataset, 'source'),
                          classes_of(target_dataset, 'target'))

    def measure(self, prepared: tuple) -> RawCost:
        prepared, classes = prepared
        total, digest, details = 0.0, hashlib.sha256(), []
        for part, ready, weight in zip(
                self.parts, prepared, self.weights, strict=True):
            costs, found = part.evaluate(ready, *classes)
            total = total + weight * normalise(costs)
            digest.update(found.source_hash.encode())
            details.append(found.details)
        return RawCost(
            np.asarray(total) / sum(self.weights), digest.hexdigest(),
            dict(parts=details))

    def settings(self) -> dict:
        """Return the options, all of the parts' included."""
        parts = [
            dict(type=type(part).__name__, **part.settings())
            for part in self.parts
        ]
        return {**super().settings(), 'costs': parts}

    def versions(self) -> dict:
        """Return the versions of the libraries of all parts."""
        return dict(item for part in self.parts
                    for item in part.versions().items())
