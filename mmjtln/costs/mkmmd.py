"""Multi-kernel maximum mean discrepancy between classes."""
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmjtln.errors import check_count, check_real
from mmjtln.registry import COSTS

from .feature_cost import ClassFeatures, FeatureCost

# Entries of a block of the kernel matrix: 32 MiB in float32, of which three
# exist at a time.
_BLOCK = 2**23
# Images from which the bandwidth is estimated.
_MEDIAN_IMAGES = 2000


@COSTS.register_module()
class MKMMDCost(FeatureCost):
    r"""Multi-kernel MMD between class-conditional features.

    .. math::
        C_{ij} = \hat E\,k(x, x') + \hat E\,k(y, y') - 2\,\hat E\,k(x, y),
        \qquad x, x' \in i,\; y, y' \in j,

    the squared maximum mean discrepancy between source class i and target
    class j, for the mean of ``num_kernels`` Gaussian kernels

    .. math::
        k(x, y) = \frac1M \sum_{m=1}^{M} \exp\Bigl(
            -\frac{\|x - y\|^2}{\sigma^2 \mu^{m - 1 - \lfloor M/2 \rfloor}}
        \Bigr),

    with :math:`\mu` = ``kernel_mul`` and :math:`\sigma^2` = ``bandwidth``,
    one for all pairs, so that the entries of C can be compared. It is a
    distance in the unit of the kernel, between 0 and 2.

    Source: A. Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, and
    "Optimal Kernel Choice for Large-Scale Two-Sample Tests", NeurIPS 2012.

    Needs: a network; one image of each class, two with ``biased=False``.

    Cost: O(n_s n_t D) time for n_s and n_t images with D features, besides
    the forward passes: all pairs of images across the domains are visited
    once, in blocks, and summed by class; within a domain only pairs of the
    same class are. O((n_s + n_t) D + L_s L_t) memory and about 100 MiB of
    blocks, however many pairs there are.

    Args:
        num_kernels (int): Number M of kernels. Defaults to 5.
        kernel_mul (float): Ratio of successive squared bandwidths, above 1.
            Defaults to 2.
        bandwidth (float, optional): Middle squared bandwidth, in squared
            feature units. Defaults to None, the median heuristic: the median
            squared distance of the images of both domains pooled (after
            centring), of at most 2,000 drawn with ``seed``.
        biased (bool): Whether the pairs of an image with itself count. The
            biased estimate is never negative and works with one image, but is
            larger for classes with few images, by up to 1/n. The unbiased one
            needs two images and can be negative; the matrix is then shifted.
            Defaults to True.
        **kwargs: Arguments of :class:`FeatureCost`.

    Raises:
        ValueError: If an option is out of range, a class has too few images,
            or all features are equal, so that there is no bandwidth.
    """

    def __init__(self,
                 num_kernels: int = 5,
                 kernel_mul: float = 2.0,
                 bandwidth: float | None = None,
                 biased: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count(num_kernels, 'num_kernels', 'MKMMDCost')
        check_real(kernel_mul, 'kernel_mul', 'MKMMDCost', low=1,
                   with_low=False)
        if bandwidth is not None:
            check_real(bandwidth, 'bandwidth', 'MKMMDCost', with_low=False)
        self.num_kernels = num_kernels
        self.kernel_mul = kernel_mul
        self.bandwidth = bandwidth
        self.biased = biased
        self.min_per_class = 1 if biased else 2

    def distances(self, source: ClassFeatures,
                  target: ClassFeatures) -> tuple[np.ndarray, dict]:
        bandwidth = self.bandwidth
        if bandwidth is None:
            bandwidth = median_bandwidth(
                torch.cat([source.features, target.features]), self.seed)
        bandwidths = [
            bandwidth * self.kernel_mul**(m - self.num_kernels // 2)
            for m in range(self.num_kernels)
        ]
        matrix = mkmmd(source, target, bandwidths, self.biased)
        return matrix.numpy(), dict(bandwidths=bandwidths)


def median_bandwidth(features: torch.Tensor, seed: int = 0) -> float:
    """Median squared distance of pairs of different images.

    Args:
        features (Tensor): Shape (N, D).
        seed (int): Draws 2,000 images if there are more. Defaults to 0.

    Returns:
        float: The median.

    Raises:
        ValueError: If it is zero.
    """
    if len(features) > _MEDIAN_IMAGES:
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(features), generator=generator)
        features = features[chosen[:_MEDIAN_IMAGES]]
    squared = torch.pdist(features).square()
    median = squared.median().item() if len(squared) else 0.0
    if not median > 0:
        raise ValueError(
            'the features of half of all pairs of images are equal, so the '
            'median heuristic gives no bandwidth: the network has collapsed, '
            'or set bandwidth yourself')
    return median


def mkmmd(source: ClassFeatures,
          target: ClassFeatures,
          bandwidths: list[float],
          biased: bool = True) -> torch.Tensor:
    """Squared multi-kernel MMD between all pairs of classes.

    Args:
        source (ClassFeatures): Features (n_s, D) of L_s classes.
        target (ClassFeatures): Features (n_t, D) of L_t classes.
        bandwidths (list[float]): Squared bandwidths in geometric progression,
            ascending.
        biased (bool): Whether pairs of an image with itself count.

    Returns:
        torch.Tensor: Shape (L_s, L_t), float64; the biased estimate is
        non-negative.
    """
    # Squared distances come as |x|^2 + |y|^2 - 2xy; near the origin little
    # cancels. A common offset changes no distance.
    offset = torch.cat([source.features, target.features]).mean(dim=0)
    source = ClassFeatures(source.features - offset, source.labels,
                           source.num_classes)
    target = ClassFeatures(target.features - offset, target.labels,
                           target.num_classes)
    distances = (
        _within(source, bandwidths, biased)[:, None] +
        _within(target, bandwidths, biased)[None] -
        2 * _across(source, target, bandwidths))
    # The biased estimate is a squared norm; only rounding makes it negative.
    return distances.clamp_min(0) if biased else distances


def _kernel(x: Tensor, y: Tensor, bandwidths: Sequence[float]) -> Tensor:
    """Kernel matrices (..., n, m) of features (..., n, D) and (..., m, D)."""
    squared = torch.matmul(x, y.mT).mul_(-2)
    squared += x.square().sum(dim=-1)[..., :, None]
    squared += y.square().sum(dim=-1)[..., None, :]
    squared.clamp_min_(0)
    if y is x:
        squared.diagonal(dim1=-2, dim2=-1).zero_()
    # exp(-d / b) of a bandwidth is a power of that of the next wider one:
    # one exponential serves them all.
    widest_first = sorted(bandwidths, reverse=True)
    term = squared.mul_(-1 / widest_first[0]).exp_()
    total = term.clone()
    for wide, narrow in zip(widest_first, widest_first[1:], strict=False):
        total += term.pow_(wide / narrow)
    return total.div_(len(bandwidths))


def _within(domain: ClassFeatures, bandwidths: Sequence[float],
            biased: bool) -> Tensor:
    """Mean kernel value within each class, shape (L,), float64."""
    order = torch.argsort(domain.labels, stable=True)
    counts = domain.counts()
    starts = counts.cumsum(0) - counts
    sums = torch.empty(domain.num_classes, dtype=torch.float64)
    # Classes of one size are one batch, in parts of bounded memory.
    for n in counts.unique().tolist():
        classes = (counts == n).nonzero()[:, 0]
        entries = n * max(n, domain.features.shape[1])
        for part in classes.split(max(1, _BLOCK // entries)):
            members = order[starts[part, None] + torch.arange(n)]
            sums[part] = _sums(domain.features[members], bandwidths)
    return (sums / counts**2 if biased else (sums - counts) /
            (counts * (counts - 1)))


def _sums(features: Tensor, bandwidths: Sequence[float]) -> Tensor:
    """Sum of the kernel matrix of each class, shape (B,), float64.

    Args:
        features (Tensor): Features of B classes, shape (B, n, D).
    """
    n = features.shape[1]
    rows = max(1, _BLOCK // n)
    if n <= rows:
        kernel = _kernel(features, features, bandwidths)
        return kernel.sum(dim=(1, 2), dtype=torch.float64)
    # One large class, in blocks of rows.
    blocks = features.split(rows, dim=1)
    return sum(
        _kernel(block, features, bandwidths).sum(
            dim=(1, 2), dtype=torch.float64) for block in blocks)


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
    pairs = source.counts()[:, None] * target.counts()[None]
    return sums / pairs
