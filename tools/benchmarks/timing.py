"""How each benchmark measures: the contestants in turn, on one clock."""
import argparse
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def alone(function: Callable, *arguments: object) -> Any:
    """Call in a new process: one keeps what its CPU tensors leave."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(function, arguments)


def peak_memory(function: Callable) -> float:
    """Return the MiB that a call adds to what this process holds (Linux)."""

    def peak() -> int:
        return int(re.search(r'VmHWM:\s+(\d+)', Path(
            '/proc/self/status').read_text())[1])

    # Lets the peak begin at what is held now.
    Path('/proc/self/clear_refs').write_text('5')
    before = peak()
    function()
    return (peak() - before) / 1024


def print_table(*rows: Sequence[object]) -> None:
    """Print rows of a Markdown table."""
    for row in rows:
        print(f'| {" | ".join(map(str, row))} |', flush=True)
