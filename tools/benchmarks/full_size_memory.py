"""Memory of processes, shared pages counted once, and their CPU time."""
import os
import re
import resource
from collections.abc import Iterable
from pathlib import Path


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            found += tree(int(child))
    return found


def memory(pids: Iterable[int]) -> dict[str, float]:
    """Return MiB of processes: proportional and private.

    ``Pss`` divides a shared page among those who share it, so that its sum
    is what the processes take of the machine; ``private`` is what is gone
    when they end.
    """
    total = dict(Pss=0, private=0)
    for pid in pids:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
        for name, kilobytes in re.findall(r'^(\w+): +(\d+) kB', text, re.M):
            if name == 'Pss':
                total['Pss'] += int(kilobytes)
            elif name.startswith('Private_') and name != 'Private_Hugetlb':
                total['private'] += int(kilobytes)
    return {name: value / 1024 for name, value in total.items()}


def reset_peak() -> None:
    """Let :func:`peak` begin from here."""
    Path(f'/proc/{os.getpid()}/clear_refs').write_text('5')


def peak() -> float:
    """Return the most MiB this process has had in memory."""
    text = Path('/proc/self/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+)', text)[1]) / 1024


def cpu_seconds() -> float:
    """Return the CPU time of this process, of children that ended too."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(
        resource.getrusage,
        (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
