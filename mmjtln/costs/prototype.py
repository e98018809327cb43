"""Distance of class means."""
from typing import Any

import numpy as np
import torch

from mmjtln.errors import check_choice, check_real
from mmjtln.registry import COSTS

from .feature_cost import ClassFeatures, FeatureCost

_METRICS = ('cosine', 'euclidean', 'mahalanobis')


@COSTS.register_module()
class PrototypeCost(FeatureCost):
    r"""Distance between the mean features of the classes.

    With class means :math:`a_i` (source) and :math:`b_j` (target):

    - ``cosine``: :math:`1 - a_i^T b_j / (\|a_i\| \|b_j\|)`, in [0, 2];
    - ``euclidean``: :math:`\|a_i - b_j\|`, in feature units;
    - ``mahalanobis``: :math:`\sqrt{(a_i - b_j)^T \Sigma^{-1} (a_i - b_j)}`,
      in standard deviations, with :math:`\Sigma = (1 - \rho) S + \rho
      (\mathrm{tr} S / D) I`, where S is the covariance within the classes,
      pooled over all classes of both domains.

    Source: for class means as prototypes J. Snell et al., "Prototypical
    Networks for Few-shot Learning", NeurIPS 2017; for the default
    :math:`\rho` Y. Chen et al., "Shrinkage Algorithms for MMSE Covariance
    Estimation", IEEE TSP 58(10), 2010 (OAS).

    Needs: a network; one image of each class; ``mahalanobis`` two of some.

    Cost, besides the forward passes: O(n D + L_s L_t D) time for n images
    with D features; ``mahalanobis`` O(n D^2 + D^3) time and O(D^2) memory
    (D = 4,096: 0.4 GB).

    Args:
        metric (str): One of the above. Defaults to ``'cosine'``.
        shrinkage (float, optional): :math:`\rho` in (0, 1] of
            ``mahalanobis``. Defaults to None: chosen from the data (OAS).
        **kwargs: Arguments of :class:`FeatureCost`.

    Raises:
        ValueError: If an option is out of range, a class mean is zero
            (``cosine``) or the features do not vary within any class
            (``mahalanobis``).
    """

    def __init__(self,
                 metric: str = 'cosine',
                 shrinkage: float | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice(metric, 'metric', 'PrototypeCost', _METRICS)
        if shrinkage is not None:
            check_real(shrinkage, 'shrinkage', 'PrototypeCost', high=1,
                       with_low=False, with_high=True)
        self.metric = metric
        self.shrinkage = shrinkage

    def distances(self, source: ClassFeatures,
                  target: ClassFeatures) -> tuple[np.ndarray, dict]:
        a, b = source.means(), target.means()
        if self.metric == 'cosine':
            norms = torch.cat([a, b]).norm(dim=1)
            if not norms.min() > 0:
                raise ValueError(
                    'a class has a mean feature of zero, which has no '
                    'direction: use metric="euclidean" or centre=False')
            a, b = (m / m.norm(dim=1, keepdim=True) for m in (a, b))
            return (1 - a @ b.T).clamp_min(0).numpy(), {}
        details = {}
        if self.metric == 'mahalanobis':
            covariance, details = self._covariance(source, target)
            factor = torch.linalg.cholesky(covariance)
            a, b = (
                torch.linalg.solve_triangular(factor, m.T, upper=False).T
                for m in (a, b))
        # Not by the product form: the means of related classes are close.
        exact = 'donot_use_mm_for_euclid_dist'
        return torch.cdist(a, b, compute_mode=exact).numpy(), details

    def _covariance(self, source: ClassFeatures,
                    target: ClassFeatures) -> tuple[torch.Tensor, dict]:
        residuals = torch.cat([
            domain.features - domain.means()[domain.labels].float()
            for domain in (source, target)
        ])
        n, dimensions = residuals.shape
        covariance = (residuals.T @ residuals).double() / n
        mean = covariance.diagonal().mean()
        if not mean > 0:
            raise ValueError(
                'the features do not vary within any class, so there is no '
                'Mahalanobis distance: give two or more images of each class '
                'or choose another metric')
        shrinkage = self.shrinkage
        if shrinkage is None:
            shrinkage = oas_shrinkage(covariance, n)
        covariance *= 1 - shrinkage
        covariance.diagonal().add_(shrinkage * mean)
        return covariance, dict(shrinkage=shrinkage)


def oas_shrinkage(covariance: torch.Tensor, n: int) -> float:
    """Shrinkage of a sample covariance towards a multiple of the identity.

    Args:
        covariance (Tensor): Of n zero-mean samples, shape (D, D).
        n (int): Number of samples.

    Returns:
        float: The oracle approximating shrinkage, in (0, 1].
    """
    dimensions = len(covariance)
    squares = covariance.square().mean().item()
    square = covariance.diagonal().mean().item()**2
    excess = (n + 1) * (squares - square / dimensions)
    if excess <= 0:
        return 1.0
    # Never quite zero: the inverse must exist.
    return min(1.0, max((squares + square) / excess, 1e-6))
