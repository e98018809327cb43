"""What the solver accepts."""
import math

import torch
from torch import Tensor

from mmjtln.errors import check_choice, check_count, check_real, require

_SOLVER = 'the OT solver'
# Further out float32 has no number for reg or for what is divided by it.
_LEAST_REG, _LARGEST_REG = 1e-30, 1e30

#: One weight for both sides or one by side; None is the hard constraint.
Relax = float | dict[str, float | None] | None


def check_options(reg: float, max_iter: int, tol: float) -> None:
    """Refuse (ValueError) options of ``sinkhorn`` that are out of range."""
    check_real(reg, 'reg', _SOLVER, _LEAST_REG, _LARGEST_REG, with_high=True)
    check_real(tol, 'tol', _SOLVER, with_low=False)
    check_count(max_iter, 'max_iter', _SOLVER)


def relaxations(relax: Relax) -> tuple[float, float]:
    """Return the weights tau of source and target; infinity is exact."""
    given = relax if isinstance(relax, dict) else dict(
        source=relax, target=relax)
    for side, tau in given.items():
        check_choice(side, 'side', f'`relax` of {_SOLVER}',
                     ('source', 'target'))
        if tau is not None:
            check_real(tau, 'relax', f'{_SOLVER} ({side})', with_high=True)
    source, target = given.get('source'), given.get('target')
    return (math.inf if source is None else float(source),
            math.inf if target is None else float(target))


def check_shapes(source: Tensor, target: Tensor, cost: Tensor) -> None:
    """Refuse what is not (B, L_s), (B, L_t) and (L_s, L_t), and floating."""
    for name, value in {'The source marginals': source,
                        'The target marginals': target,
                        'The cost': cost}.items():
        require(torch.is_tensor(value) and value.is_floating_point(),
                f'{name} must be a floating point tensor',
                f'got {getattr(value, "dtype", type(value).__name__)}',
                'Convert it', TypeError)
        require(value.dim() == 2 and 0 not in value.shape, f'{name} must be a '
                'non-empty matrix', f'got shape {tuple(value.shape)}',
                'Marginals are (B, L_s) and (B, L_t), the cost (L_s, L_t)')
    require(len(source) == len(target), 'Both marginals must be of the same '
            'samples', f'got {len(source)} and {len(target)} rows',
            'Pass both marginals of every sample')
    wanted = source.shape[1], target.shape[1]
    require(cost.shape == wanted, 'The cost must have a row for each source '
            f'class and a column for each target class, {wanted}',
            f'got {tuple(cost.shape)}', 'Transpose it, or build it anew for '
            'these classes')
