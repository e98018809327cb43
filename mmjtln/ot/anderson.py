"""Anderson acceleration of a fixed-point map, for each row by itself."""
import torch

# A step may raise the error to this multiple of the least one so far; past
# that it is undone.
SLACK = 2.
# Largest sum of absolute coefficients: far from the solution the map is not
# linear, and long extrapolations are undone more often than they pay.
MAX_COEFFICIENTS = 8.
# Relative addition to the diagonal of the normal equations; above float32's
# rounding of them.
RIDGE = 1e-6
# Keeps an empty history's equations regular; normal in float32.
TINY = 1e-37


class Anderson:
    """Find ``x = F(x)`` from few evaluations of F.

    Every other point is plainly F of the last; the one after it combines
    the last three images ``F(x)`` so that their residuals ``x - F(x)``,
    taken as linear, are least in a weighted square norm (D. G. Anderson,
    *Iterative procedures for nonlinear integral equations*, J. ACM 1965;
    every other point only: P. Pratapa, P. Suryanarayana, J. Pask, J.
    Comput. Phys. 2016). For Sinkhorn's map with the marginal as the weight
    the linear part is self-adjoint, and two differences do nearly what a
    long history would.

    How it can fail: where the error exceeds ``SLACK`` times the least one
    seen in its row, the row's last two points are dropped, and it goes on
    plainly from the image of its last good point. At worst it takes twice
    the evaluations of the plain iteration.

    Args:
        weight (Tensor): Weight of each entry in the residual's norm, shape
            (B, L), not negative.
    """

    def __init__(self, weight):
        self.weight = weight[:, None]
        self.image = self.residual = self.limit = None
        # As tensors: a Python number costs a conversion in every product.
        self.slack, self.most, self.none, self.ridge, self.tiny = (
            torch.full((), value, dtype=weight.dtype, device=weight.device)
            for value in (SLACK, MAX_COEFFICIENTS, 0, 1 + RIDGE, TINY))

    def next_point(self, image1, residual1, image2, residual2, error):
        """Return where to evaluate next, shape (B, L).

        Args:
            image1 (Tensor): F(x), shape (B, L), of the last point returned.
            residual1 (Tensor): x - F(x), shape (B, L).
            image2 (Tensor): F(F(x)), shape (B, L).
            residual2 (Tensor): F(x) - F(F(x)), shape (B, L).
            error (Tensor): What has to become small, at the second, shape
                (B, 1).
        """
        if self.image is None:
            self.image, self.residual = image1, residual1
            self.limit = torch.full_like(error, float('inf'))
        good = error <= self.limit
        self.limit = torch.minimum(self.limit, error * self.slack)
        jump = image1 - self.image
        residuals = torch.stack(
            [residual1 - self.residual, residual2 - residual1, residual2], 1)
        self.image = torch.where(good, image2, self.image)
        self.residual = torch.where(good, residual2, self.residual)
        first, second = self._coefficients(residuals, good)
        # The difference of the last two images is -residual2.
        return torch.addcmul(self.image, jump, first, value=-1).addcmul_(
            residual2, second)

    def _coefficients(self, residuals, good):
        """Solve the normal equations of the two differences, row by row.

        By hand: two by two is too little for a library's solver, which on a
        GPU would wait for the device and on a CPU for its threads.

        Args:
            residuals (Tensor): Both differences of residuals and the last
                residual, shape (B, 3, L).
            good (Tensor): Rows that are not zero by order, shape (B, 1).

        Returns:
            tuple: Coefficients, shape (B, 1) each.
        """
        aa, ab, ar, _, bb, br = torch.bmm(
            residuals[:, :2] * self.weight,
            residuals.mT).view(-1, 6, 1).unbind(1)
        # The ridge keeps them regular, an empty history's as well.
        aa = torch.addcmul(self.tiny, aa, self.ridge)
        ratio = ab / aa
        second = br.addcmul(ratio, ar, value=-1).div_(
            torch.addcmul(self.tiny, bb, self.ridge).addcmul_(
                ratio, ab, value=-1))
        first = ar.addcmul(ab, second, value=-1).div_(aa)
        scale = torch.where(good, self.most, self.none).div_(
            torch.maximum(first.abs().add_(second.abs()), self.most))
        return first.mul_(scale), second.mul_(scale)

    def keep(self, rows):
        """Forget all rows but these, given by index, shape (B',)."""
        self.weight = self.weight[rows]
        if self.image is not None:
            self.image = self.image[rows]
            self.residual = self.residual[rows]
            self.limit = self.limit[rows]
