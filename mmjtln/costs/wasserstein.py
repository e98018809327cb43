"""Optimal transport distance between classes."""
from typing import Any

import numpy as np
import torch

from mmjtln.inference.features import progress
from mmjtln.registry import COSTS

from .image_cost import ClassFeatures, FeatureCost


@COSTS.register_module()
class WassersteinCost(FeatureCost):
    r"""Squared 2-Wasserstein distance between class-conditional features.

    It is that between the images themselves, each of mass 1/n, solved exactly
    by POT's network simplex.

    Source: D. Alvarez-Melis and N. Fusi, "Geometric Dataset Distances via
    Optimal Transport", NeurIPS 2020, whose distance of two labels this is.

    It takes the arguments of :class:`FeatureCost`, and for m images a class
    O(L_s L_t (m^2 D + m^3)) time beside the forward passes.
    """

    libraries = (*FeatureCost.libraries, 'ot')

    def distances(self, source: ClassFeatures,
                  target: ClassFeatures) -> tuple[np.ndarray, dict[str, Any]]:
        """Solve one transport problem for each pair of classes."""
        import ot  # It takes two seconds.

        columns = [target.of_class(j) for j in range(target.num_classes)]
        sizes = [len(features) for features in columns]
        stacked = torch.cat(columns)
        found = np.empty((source.num_classes, target.num_classes))
        for i in progress(range(source.num_classes), source.num_classes):
            ground = torch.cdist(source.of_class(i), stacked).square().double()
            for j, part in enumerate(ground.split(sizes, dim=1)):
                # An empty list is POT's way to say uniform masses.
                found[i, j] = ot.emd2([], [], np.ascontiguousarray(part))
        return found, {}
