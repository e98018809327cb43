"""A progress bar for long work."""
from collections.abc import Iterable, Iterator

from mmengine.dist import is_main_process
from mmengine.utils import ProgressBar


def track(steps: Iterable, count: int, show: bool) -> Iterator:
    """Go through steps and show the progress on rank 0.

    Args:
        steps (Iterable): The steps.
        count (int): Their number.
        show (bool): Whether they are worth a progress bar.

    Yields:
        object: Each step.
    """
    bar = ProgressBar(count) if show and is_main_process() else None
    for step in steps:
        yield step
        if bar:
            bar.update()
    if bar:
        bar.file.write('\n')
