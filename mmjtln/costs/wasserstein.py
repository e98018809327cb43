"""Optimal transport distance between classes."""
from typing import Any

import numpy as np
import torch

from mmjtln.errors import check_choice
from mmjtln.inference.progress import track
from mmjtln.registry import COSTS

from .feature_cost import ClassFeatures, FeatureCost

_FORMS = ('gaussian', 'samples')
# Entries of the batch of cross products of a block of class pairs: 64 MiB.
_BLOCK = 2**23
# Pairs of classes from which on a progress bar is shown.
_LONG = 20000


@COSTS.register_module()
class WassersteinCost(FeatureCost):
    r"""Squared 2-Wasserstein distance between class-conditional features.

    - ``gaussian``: between the Gaussians with the classes' means and
      covariances (divided by n), in closed form (Bures):

      .. math::
          \|a_i - b_j\|^2 + \mathrm{tr}\,\Sigma_i + \mathrm{tr}\,\Sigma_j
          - 2\,\mathrm{tr}(\Sigma_i^{1/2} \Sigma_j \Sigma_i^{1/2})^{1/2}.

      The last trace is the nuclear norm of :math:`A_i A_j^T / \sqrt{n_i
      n_j}`, with the centred features of a class as the rows of A, so no
      D x D matrix is ever formed and covariances may be singular.
    - ``samples``: between the images themselves, each of mass 1/n, solved
      exactly by POT's network simplex.

    Source: D. Alvarez-Melis and N. Fusi, "Geometric Dataset Distances via
    Optimal Transport", NeurIPS 2020, whose distance of two labels this is.
    The unit is that of squared features.

    Needs: a network; two images of each class, one for ``samples``.

    Cost, besides the forward passes, for m images a class, D features and
    r = min(m, D): ``gaussian`` O(L_s L_t (m^2 D + r^3)) time, O((n_s + n_t) D)
    memory and blocks of some 64 MiB; ``samples`` O(L_s L_t (m^2 D + m^3))
    time and O(m n_t) memory besides the features.

    Args:
        form (str): ``'gaussian'`` or ``'samples'``. Defaults to
            ``'gaussian'``.
        **kwargs: Arguments of :class:`FeatureCost`.

    Raises:
        ValueError: If ``form`` is unknown or a class has too few images.
    """

    libraries = (*FeatureCost.libraries, 'ot')

    def __init__(self, form: str = 'gaussian', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice(form, 'form', 'WassersteinCost', _FORMS)
        self.form = form
        self.min_per_class = 2 if form == 'gaussian' else 1

    def distances(self, source: ClassFeatures,
                  target: ClassFeatures) -> tuple[np.ndarray, dict]:
        if self.form == 'gaussian':
            return gaussian_w2(source, target).numpy(), {}
        return sample_w2(source, target), {}


def gaussian_w2(source: ClassFeatures, target: ClassFeatures) -> torch.Tensor:
    """Squared Bures-Wasserstein distance of all pairs of classes.

    Args:
        source (ClassFeatures): Features (n_s, D) of L_s classes.
        target (ClassFeatures): Features (n_t, D) of L_t classes.

    Returns:
        Tensor: Shape (L_s, L_t), float64, non-negative.
    """
    a, b = source.means(), target.means()
    exact = 'donot_use_mm_for_euclid_dist'
    distances = torch.cdist(a, b, compute_mode=exact).square()
    left, right = _factors(source), _factors(target)
    for trace, shape in ((left, (-1, 1)), (right, (1, -1))):
        distances += trace.double().square().sum(dim=(1, 2)).view(shape)
    rows, columns = left.shape[1], right.shape[1]
    step = max(1, _BLOCK // (rows * columns * len(right)))
    starts = range(0, len(left), step)
    for start in track(starts, len(starts), distances.numel() >= _LONG):
        block = left[start:start + step]
        products = torch.einsum('imd,jnd->ijmn', block, right)
        fidelity = torch.linalg.svdvals(products).double().sum(dim=2)
        distances[start:start + step] -= 2 * fidelity
    return distances.clamp_min_(0)


def _factors(domain: ClassFeatures) -> torch.Tensor:
    """Square roots of the class covariances: A^T A, shape (L, r, D)."""
    counts = domain.counts()
    rows = min(int(counts.max()), domain.features.shape[1])
    # Rows of zeros change no covariance and let classes of all sizes be one
    # batch.
    factors = domain.features.new_zeros(
        domain.num_classes, rows, domain.features.shape[1])
    for k, n in enumerate(counts.tolist()):
        features = domain.of_class(k)
        factor = (features - features.mean(dim=0)) / n**0.5
        if n > rows:
            factor = torch.linalg.qr(factor, mode='r').R
        factors[k, :len(factor)] = factor
    return factors


def sample_w2(source: ClassFeatures, target: ClassFeatures) -> np.ndarray:
    """Squared 2-Wasserstein distance of the samples of all pairs of classes.

    Args:
        source (ClassFeatures): Features (n_s, D) of L_s classes.
        target (ClassFeatures): Features (n_t, D) of L_t classes.

    Returns:
        np.ndarray: Shape (L_s, L_t), non-negative.
    """
    import ot  # It takes two seconds.

    columns = [target.of_class(j) for j in range(target.num_classes)]
    sizes = [len(features) for features in columns]
    stacked = torch.cat(columns)
    distances = np.empty((source.num_classes, target.num_classes))
    rows = range(source.num_classes)
    for i in track(rows, len(rows), distances.size >= _LONG):
        ground = torch.cdist(source.of_class(i), stacked).square().double()
        for j, part in enumerate(ground.split(sizes, dim=1)):
            # An empty list is POT's way to say uniform masses.
            distances[i, j] = ot.emd2([], [], np.ascontiguousarray(part))
    return distances
