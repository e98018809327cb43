"""How each benchmark measures: the contestants in turn, on one clock."""
import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option for where to measure: a GPU if there is one."""
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu')


def seconds(function: Callable, device: str = 'cpu',
            at_least: float = 0.) -> float:
    """Time a call, the device's work included; repeat what is too short."""
    wait = torch.cuda.synchronize if device != 'cpu' else lambda: None
    wait()
    start = time.perf_counter()
    calls = 0
    while not calls or time.perf_counter() - start < at_least:
        function()
        calls += 1
    wait()
    return (time.perf_counter() - start) / calls


def in_turn(contestants: dict[str, Callable], repeats: int,
            budget: float | None = None) -> dict[str, list]:
    """Let each contestant return its time or more, in alternating order.

    Drift of the machine then meets all of them. A contestant that has spent
    ``budget`` is not asked again.
    """
    times = {name: [] for name in contestants}
    for repeat in range(repeats):
        for name in list(contestants)[::-1 if repeat % 2 else 1]:
            if budget is None or sum(times[name]) < budget:
                times[name].append(contestants[name]())
    return times


def quartiles(times: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the three quartiles of the ratios of times in the same turn."""
    ratios = [a / b for a, b in zip(times, others, strict=False)]
    return (statistics.quantiles(ratios, n=4) if len(ratios) > 1
            else ratios * 3)
