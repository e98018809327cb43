"""Multi-kernel maximum mean discrepancy between classes."""
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmjtln.errors import require
from mmjtln.registry import COSTS

from .image_cost import ClassFeatures, FeatureCost

# Entries of a block of the kernel matrix, of which three exist at a time.
_BLOCK = 2**23
_MEDIAN_IMAGES = 2000  # Those from which the bandwidth is estimated.
_KERNELS, _RATIO = 5, 2.0  # M and mu in the formula.


@COSTS.register_module()
class MKMMDCost(FeatureCost):
    r"""Multi-kernel MMD between class-conditional features.

    .. math::
        C_{ij} = \hat E\,k(x, x') + \hat E\,k(y, y') - 2\,\hat E\,k(x, y),
        \qquad x, x' \in i,\; y, y' \in j,

    between source class i and target class j, with M = 5 Gaussian kernels

    .. math:: k(x, y) = \frac1M \sum_{m=1}^{M} \exp\Bigl(-\frac{\|x - y\|^2}
        {\sigma^2 \mu^{m - 1 - \lfloor M/2 \rfloor}}\Bigr),

    with :math:`\mu = 2` and one :math:`\sigma^2` for all pairs, so that the
    entries of C can be compared: the median squared distance of the images of
    both domains, standardised, or of 2,000 of them drawn with ``seed``. The
    estimate is the biased one, to which the pairs of an image with itself
    count: a squared norm, between 0 and 2.

    Source: A. Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, and
    "Optimal Kernel Choice for Large-Scale Two-Sample Tests", NeurIPS 2012.

    It takes the arguments of :class:`FeatureCost`, and beside the forward
    passes O(n_s n_t D) time and 100 MiB.
    """

    def distances(self, source: ClassFeatures,
                  target: ClassFeatures) -> tuple[np.ndarray, dict[str, Any]]:
        """Find the bandwidths, and the discrepancies for them."""
        middle = median_bandwidth(
            torch.cat([source.features, target.features]), self.seed)
        bandwidths = [middle * _RATIO**(m - _KERNELS // 2)
                      for m in range(_KERNELS)]
        return (mkmmd(source, target, bandwidths).numpy(),
                dict(bandwidths=bandwidths))


def median_bandwidth(features: Tensor, seed: int = 0) -> float:
    """Median squared distance of pairs of different images, of (N, D)."""
    if len(features) > _MEDIAN_IMAGES:
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(features), generator=generator)
        features = features[chosen[:_MEDIAN_IMAGES]]
    squared = torch.pdist(features).square()
    median = squared.median().item() if len(squared) else 0.0
    require(median > 0, 'The median heuristic needs features that differ',
            'but those of half of all pairs of images are equal: the network '
            'has collapsed', 'Correct its weights')
    return median


def mkmmd(source: ClassFeatures, target: ClassFeatures,
          bandwidths: Sequence[float]) -> Tensor:
    """Squared MMDs (L_s, L_t), float64, of centred features."""
    distances = (_within(source, bandwidths)[:, None]
                 + _within(target, bandwidths)[None]
                 - 2 * _across(source, target, bandwidths))
    # It is a squared norm; only rounding makes it negative.
    return distances.clamp_min(0)


def _kernel(x: Tensor, y: Tensor, bandwidths: Sequence[float]) -> Tensor:
    """Kernel matrix (n, m) of features (n, D) and (m, D)."""
    # |x|^2 + |y|^2 - 2xy: of centred features little cancels.
    squared = torch.matmul(x, y.T).mul_(-2)
    squared += x.square().sum(dim=1)[:, None]
    squared += y.square().sum(dim=1)
    squared.clamp_min_(0)
    # exp(-d / b) of a bandwidth is a power of that of the next wider one:
    # one exponential serves them all.
    widest_first = sorted(bandwidths, reverse=True)
    term = squared.mul_(-1 / widest_first[0]).exp_()
    total = term.clone()
    for wide, narrow in zip(widest_first, widest_first[1:], strict=False):
        total += term.pow_(wide / narrow)
    return total.div_(len(bandwidths))


def _within(domain: ClassFeatures, bandwidths: Sequence[float]) -> Tensor:
    """Mean kernel value within each class, shape (L,), float64."""
    means = []
    for features in map(domain.of_class, range(domain.num_classes)):
        blocks = features.split(max(1, _BLOCK // len(features)))
        means.append(torch.stack([
            _kernel(block, features, bandwidths).sum(dtype=torch.float64)
            for block in blocks]).sum() / len(features)**2)
    return torch.stack(means)


def _across(source: ClassFeatures, target: ClassFeatures,
            bandwidths: Sequence[float]) -> Tensor:
    """Mean kernel value between classes, shape (L_s, L_t), float64."""
    membership = torch.nn.functional.one_hot(
        target.labels, target.num_classes).float()
    sums = torch.zeros(
        source.num_classes, target.num_classes, dtype=torch.float64)
    rows = max(1, _BLOCK // len(target.labels))
    for block, labels in zip(source.features.split(rows),
                             source.labels.split(rows), strict=True):
        kernel = _kernel(block, target.features, bandwidths)
        sums.index_add_(0, labels, (kernel @ membership).double())
    return sums / torch.bincount(source.labels)[:, None] / membership.sum(0)
