"""The weight of a loss term as a function of the run's progress."""
from mmengine.logging import MessageHub


class LossWeight:
    """A loss weight that is constant, warms up, or decays over the run.

    Over the progress ``t`` of the run in [0, 1] the weight is 0 up to
    ``begin``, rises linearly to ``value`` over the next ``warmup``, stays
    there, and goes linearly to ``final`` over the last ``decay``.

    The progress is the runner's, read from MMEngine's message hub, so that a
    resumed run goes on where it stopped. A run that is resumed with another
    length keeps what it has begun: ``begin`` and ``warmup`` stay shares of
    the length that it was first given, or of the new one if that is shorter,
    and ``decay`` ends with it. Without a run, in a notebook say, the weight
    is ``value``.

    Args:
        value (float): The weight once warmed up, >= 0.
        begin (float): Share of the run in which the weight is 0.
            Defaults to 0.
        warmup (float): Share of the run over which it rises. Defaults to 0.
        decay (float): Share of the run, at its end, over which it falls.
            Defaults to 0.
        final (float, optional): The weight at the end of the decay; only
            with ``decay``. Defaults to None, which is 0.
        name (str): What error messages call it. Defaults to ``'weight'``.

    Raises:
        TypeError: If a weight or a share is no number.
        ValueError: If a weight is negative or not finite, a share lies
            outside [0, 1], the three shares add up to more than 1, or
            ``final`` is given without ``decay``.
    """

    def __init__(self,
                 value: float,
                 begin: float = 0.,
                 warmup: float = 0.,
                 decay: float = 0.,
                 final: float | None = None,
                 name: str = 'weight') -> None:
        given = dict(value=value, begin=begin, warmup=warmup, decay=decay)
        if final is not None:
            given['final'] = final
        for key, number in given.items():
            if isinstance(number, bool) or not isinstance(
                    number, (int, float)):
                raise TypeError(
                    f'{name}: `{key}` must be a number, got {number!r} '
                    f'({type(number).__name__}). Set `model.{name}` in the '
                    'config to a number or a dict of them.')
        for key in ('value', 'final'):
            if not 0 <= given.get(key, 0) < float('inf'):
                raise ValueError(
                    f'{name}: `{key}` must be >= 0 and finite, got '
                    f'{given[key]}. Set it in the config\'s '
                    f'`model.{name}`.')
        if final is not None and decay == 0:
            raise ValueError(
                f'{name}: `final` is the weight at the end of the decay, got '
                f'{final} without `decay`. Set `decay` in the config\'s '
                f'`model.{name}` to the share of the run over which the '
                'weight falls, or leave `final` out.')
        shares = dict(begin=begin, warmup=warmup, decay=decay)
        if (any(not 0 <= share <= 1 for share in shares.values())
                or sum(shares.values()) > 1):
            raise ValueError(
                f'{name}: `begin`, `warmup` and `decay` are shares of the run '
                f'and must lie in [0, 1] and add up to at most 1, got {shares}'
                f'. Set them in the config\'s `model.{name}`.')
        self.value = value
        self.begin = begin
        self.warmup = warmup
        self.decay = decay
        self.final = 0. if final is None else final

    @classmethod
    def from_cfg(cls, cfg: float | dict, name: str) -> 'LossWeight':
        """Build from a number (a constant) or a dict of the arguments."""
        return cls(**cfg, name=name) if isinstance(cfg, dict) else cls(
            cfg, name=name)

    @property
    def is_zero(self) -> bool:
        """bool: Whether the weight is 0 all through the run."""
        return self.value == 0 and (self.decay == 0 or self.final == 0)

    def at(self, progress: float, planned: float | None = None) -> float:
        """Return the weight at a moment of the run.

        Args:
            progress (float): The share of the run that is done.
            planned (float, optional): The share of the length that it was
                first given. Defaults to None, the same.
        """
        planned = progress if planned is None else planned
        if planned < self.begin:
            return 0.
        if planned < self.begin + self.warmup:
            return self.value * (planned - self.begin) / self.warmup
        if progress > 1 - self.decay:
            left = (1 - progress) / self.decay
            return self.final + (self.value - self.final) * left
        return self.value

    def __call__(self) -> float:
        """Return the weight at the current iteration of the current run."""
        length, planned = _lengths()
        if not length:
            return self.value
        done = MessageHub.get_current_instance().get_info('iter', 0)
        return self.at(min(done / length, 1.), min(done / planned, 1.))

    def first_iter(self) -> int:
        """Return the iteration of the current run from which it has begun."""
        _, planned = _lengths()
        first = max(int(self.begin * planned) - 1, 0)
        while first / planned < self.begin:  # As `at` compares.
            first += 1
        return first


def _lengths() -> tuple[int, int]:
    """Return the iterations of the run: of now, and as first planned.

    The plan is kept in the message hub, which travels in checkpoints.
    """
    hub = MessageHub.get_current_instance()
    length = hub.get_info('max_iters', 0)
    if length and hub.get_info('planned_iters') is None:
        hub.update_info('planned_iters', length)
    return length, min(hub.get_info('planned_iters', 0), length)
