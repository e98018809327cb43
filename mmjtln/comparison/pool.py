"""Running jobs side by side, each in a fresh process."""
import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from .results import RunResult
from .run import execute, finished


@dataclass(frozen=True)
class Job:
    """A run: its name in messages, its config and its folder."""

    name: str
    cfg: dict
    folder: Path


class Pool:
    """Run jobs, ``jobs`` at a time, and tell how far it is.

    Each has a process of its own, so that one that crashes, or is killed for
    memory, takes no other with it. Processes are forked from one that has
    imported everything, which saves some seconds a run.

    Args:
        jobs (int): Number of processes.
        total (int): Runs expected over the life of the pool, for the ETA.
    """

    def __init__(self, jobs: int, total: int) -> None:
        self.jobs = jobs
        self.total = total
        self.done = 0
        # Processes with more threads than cores wait for each other.
        self._threads = int(os.environ.get('OMP_NUM_THREADS') or max(
            1, (os.cpu_count() or 1) // jobs))
        # The imports look whether there is a GPU. Asked of the driver, a fork
        # could not use the GPU afterwards; asked of NVML, it can.
        os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')
        self._context = multiprocessing.get_context('forkserver')
        self._context.set_forkserver_preload(['mmjtln.comparison.run'])
        self._spent, self._ran = 0., 0

    def run(self, jobs: list[Job]) -> dict[str, RunResult]:
        """Run what is not finished yet.

        Args:
            jobs (list[Job]): Runs that do not depend on each other.

        Returns:
            dict[str, RunResult]: By name; of a run that failed, its ``error``
            is the end of its log.
        """
        results, waiting, running = {}, [], {}
        for job in jobs:
            result = finished(job.cfg, job.folder)
            if result is None:
                waiting.append(job)
            else:
                results[job.name] = result
                self.total -= 1
        while waiting or running:
            while waiting and len(running) < self.jobs:
                job = waiting.pop(0)
                process = self._context.Process(
                    target=execute,
                    args=(job.cfg, str(job.folder), self._threads))
                process.start()
                running[process.sentinel] = (process, job, time.monotonic())
            for sentinel in wait(list(running)):
                process, job, started = running.pop(sentinel)
                process.join()
                result = self._collect(process, job)
                results[job.name] = result
                self._tell(job, result, time.monotonic() - started)
        return results

    @staticmethod
    def _collect(process: BaseProcess, job: Job) -> RunResult:
        result = finished(job.cfg, job.folder)
        if result is not None:
            return result
        log = job.folder / 'log.txt'
        lines = log.read_text().splitlines() if log.exists() else ['no log']
        return RunResult(error=f'exit code {process.exitcode}: {lines[-1]} '
                         f'(see {log})')

    def _tell(self, job: Job, result: RunResult, seconds: float) -> None:
        self.done += 1
        self._spent, self._ran = self._spent + seconds, self._ran + 1
        left = (self.total - self.done) * self._spent / self._ran / self.jobs
        if result.error is not None:
            said = f'FAILED, {result.error}'
        elif result.validation is not None:
            said = f'validation {result.validation:.2f}'
        else:
            said = 'trained'
        print(f'[{self.done}/{self.total}] {job.name}: {said}, '
              f'{seconds:.0f} s; ETA {left / 60:.0f} min', flush=True)
