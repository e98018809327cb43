"""Work that one rank does for all."""
from collections.abc import Callable
from typing import TypeVar

from mmengine.dist import broadcast_object_list, get_dist_info

T = TypeVar('T')


def on_first_rank(function: Callable[[], T]) -> T:
    """Call a function on rank 0 and give what it returns, pickled, to all.

    All ranks must call this together; an error on rank 0 is raised on all, a
    RuntimeError on the others. They wait as long as the process group's
    timeout allows (``env_cfg.dist_cfg.timeout``, in seconds).
    """
    rank, world_size = get_dist_info()
    if world_size == 1:
        return function()
    found, error = None, None
    if rank == 0:
        try:
            found = function()
        except Exception as problem:
            # The others wait in the collective below: tell them first.
            error = problem
    message = [(found, error and repr(error))]
    broadcast_object_list(message)
    if error is not None:
        raise error
    found, failed = message[0]
    if failed:
        raise RuntimeError(f'rank 0 failed: {failed}')
    return found
