"""Anderson acceleration of a fixed-point map, for each row by itself."""
import math

import torch

# A step may raise the error to this multiple of the least one so far; past
# that it is undone. Ten takes a tenth fewer iterations where reg is a
# hundredth of the costs' range, half as many again where it is a thousandth.
SLACK = 2.
# Largest sum of absolute coefficients: far from the solution the map is not
# linear, and long extrapolations are undone more often than they pay.
MAX_COEFFICIENTS = 8.
# Relative addition to the diagonal of the normal equations; above float32's
# rounding of them.
RIDGE = 1e-6


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
    plainly from the image of its last good point. Within that bound a row
    may wander without getting nearer: started far from the solution, with a
    reg of a thousandth of the costs' range, some never end. Solving coarser
    problems first, as the solver does there, brings it near.

    Args:
        weight (Tensor): Weight of each entry in the residual's norm, shape
            (B, L), not negative.
        image (Tensor): F(x), shape (B, L), of any x: the first point.
        residual (Tensor): x - F(x), shape (B, L).
    """

    def __init__(self, weight, image, residual):
        self.weight = weight[:, None]
        self.image, self.residual = image, residual
        self.limit = weight.new_full((len(weight), 1), math.inf)
        # As tensors: a Python number costs a conversion in every product.
        self.slack, self.ridge, self.share, self.tiny = (
            torch.full((), value, dtype=weight.dtype, device=weight.device)
            for value in (SLACK, 1 + RIDGE, 1 / MAX_COEFFICIENTS,
                          torch.finfo(weight.dtype).tiny))

    def next_point(self, point, image1, image2, error):
        """Return where to evaluate next, shape (B, L).

        Args:
            point (Tensor): The last point returned, x, shape (B, L).
            image1 (Tensor): F(x), shape (B, L).
            image2 (Tensor): F(F(x)), shape (B, L).
            error (Tensor): What has to become small, at x, shape (B, 1).
        """
        residual1, residual2 = point - image1, image1 - image2
        limit = torch.minimum(self.limit, error * self.slack)
        # One or zero; NaN is no good.
        good = self.limit.ge_(error)
        self.limit = limit
        jump = image1 - self.image
        residuals = torch.stack(
            [residual1 - self.residual, residual2 - residual1, residual2], 1)
        # Of weights one and zero: exactly the one or the other.
        self.image = torch.lerp(self.image, image2, good)
        self.residual = torch.lerp(self.residual, residual2, good)
        coefficients = self._coefficients(residuals).mul_(good)
        # The difference of the last two images is -residual2.
        return torch.addcmul(self.image, jump, coefficients[:, :1]).addcmul_(
            residual2, coefficients[:, 1:], value=-1)

    def _coefficients(self, residuals):
        """Solve the normal equations of the two differences, row by row.

        By Cramer's rule, as two by two is too little for a library's
        solver, which on a GPU would wait for the device and on a CPU for
        its threads; the three minors are a cross product.

        Args:
            residuals (Tensor): Both differences of residuals and the last
                residual, shape (B, 3, L).

        Returns:
            Tensor: What to take of each difference of images, shape (B, 2).
        """
        equations = torch.bmm(residuals[:, :2] * self.weight, residuals.mT)
        equations.diagonal(dim1=1, dim2=2).mul_(self.ridge)
        minors = torch.linalg.cross(equations[:, 0], equations[:, 1])
        numerators = minors[:, :2]
        # Where nothing moves any more, zero over zero is to be zero.
        least = torch.addcmul(
            self.tiny, numerators.abs().sum(1, keepdim=True), self.share)
        return numerators / torch.maximum(minors[:, 2:], least)

    def keep(self, rows):
        """Forget all rows but these, given by index, shape (B',)."""
        self.weight = self.weight[rows]
        self.image = self.image[rows]
        self.residual = self.residual[rows]
        self.limit = self.limit[rows]
