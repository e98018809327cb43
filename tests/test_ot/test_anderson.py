"""The acceleration on a map whose fixed point is known."""
import torch

from mmjtln.ot.anderson import Anderson


def iterate(apply, start, solution, pairs):
    """Return the error of each row after each pair of evaluations."""
    point = apply(start)
    accelerated = Anderson(torch.ones_like(start), point, start - point)
    errors = []
    for _ in range(pairs):
        image1 = apply(point)
        image2 = apply(image1)
        error = (point - image1).abs().sum(1, keepdim=True)
        errors.append((image2 - solution).abs().sum(1))
        point = accelerated.next_point(point, image1, image2, error)
    return torch.stack(errors)


def symmetric_map(rows=slice(None)):
    """A slow linear contraction, rates up to 0.98, and its fixed point."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(
        torch.randn(12, 12, generator=generator, dtype=torch.float64))[0]
    rates = torch.linspace(0, 0.98, 12, dtype=torch.float64)
    matrix = basis * rates @ basis.t()
    solution = torch.randn(3, 12, generator=generator, dtype=torch.float64)
    solution = solution[rows]
    return lambda x: (x - solution) @ matrix + solution, solution


def test_faster_than_the_plain_iteration():
    """A slow symmetric contraction is solved in a tenth of the work."""
    apply, solution = symmetric_map()
    errors = iterate(apply, torch.zeros_like(solution), solution, 25)
    plain = solution * 0
    for _ in range(500):
        plain = apply(plain)
    assert (errors[-1] < (plain - solution).abs().sum(1)).all()


def test_bad_steps_are_undone():
    """On a map that is far from linear it still arrives."""
    solution = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)

    def apply(x):
        # Contracts by 0.9 far away, by 0.5 close by, with kinks between.
        away = x - solution
        return solution + away * torch.where(away.abs() > 1e-2, 0.9, 0.5)

    errors = iterate(apply, solution + 50, solution, 200)
    assert (errors[-1] < 1e-8).all()


def test_rows_are_independent():
    """A row goes its way whatever the others do, and if they leave."""
    apply, solution = symmetric_map()
    start = torch.zeros_like(solution)
    together = iterate(apply, start, solution, 6)

    # The same, but the outer rows leave after the second pair.
    middle = torch.tensor([1])
    point = apply(start)
    accelerated = Anderson(torch.ones_like(start), point, start - point)
    for pair in range(6):
        image1 = apply(point)
        image2 = apply(image1)
        error = (point - image1).abs().sum(1, keepdim=True)
        if pair == 2:
            accelerated.keep(middle)
            point, image1, image2, error, solution_ = (
                tensor[middle]
                for tensor in (point, image1, image2, error, solution))
            apply = symmetric_map(rows=middle)[0]
        point = accelerated.next_point(point, image1, image2, error)
    torch.testing.assert_close((image2 - solution_).abs().sum(1),
                               together[-1, 1:2])
