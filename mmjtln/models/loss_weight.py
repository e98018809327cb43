"""The weight of a loss term as a function of the run's progress."""
from mmengine.logging import MessageHub

from mmjtln.errors import check_real


class LossWeight:
    """A loss weight that is constant, or 0 in the first part of the run.

    The progress is the runner's, read from MMEngine's message hub, so that a
    resumed run continues where it stopped. A run that is resumed with another
    length keeps what it has begun: ``begin`` stays a share of the length that
    it was first given, or of the new one if that is shorter. Without a run,
    in a notebook say, the weight is ``value``.

    Args:
        value (float): The weight, >= 0.
        begin (float): Share of the run in which the weight is 0, in [0, 1].
            Defaults to 0.
        name (str): The option of ``model`` that errors name. Defaults to
            ``'weight'``.

    Raises:
        ValueError: If one is out of range.
    """

    def __init__(self, value: float, begin: float = 0.,
                 name: str = 'weight') -> None:
        check_real(value, 'value', f'`model.{name}`')
        check_real(begin, 'begin', f'`model.{name}`', high=1, with_high=True)
        self.value = value
        self.begin = begin

    @classmethod
    def from_cfg(cls, cfg: float | dict, name: str) -> 'LossWeight':
        """Build from a number (a constant) or a dict of the arguments."""
        return cls(**cfg, name=name) if isinstance(cfg, dict) else cls(
            cfg, name=name)

    def __call__(self) -> float:
        """Return the weight at the current iteration of the current run."""
        planned = _planned_iters()
        done = MessageHub.get_current_instance().get_info('iter', 0)
        return 0. if planned and done / planned < self.begin else self.value

    def first_iter(self) -> int:
        """Return the iteration of the current run from which it has begun."""
        planned = _planned_iters()
        first = max(int(self.begin * planned) - 1, 0)
        while first / planned < self.begin:  # As a call compares.
            first += 1
        return first


def _planned_iters() -> int:
    """Return the iterations of the run as first planned, or now if fewer.

    The plan is kept in the message hub, which travels in checkpoints.
    """
    hub = MessageHub.get_current_instance()
    length = hub.get_info('max_iters', 0)
    if length and hub.get_info('planned_iters') is None:
        hub.update_info('planned_iters', length)
    return min(hub.get_info('planned_iters', 0), length)
