"""Runs of `tools/train.py` in forks of this process, imports behind them."""
import gc
import multiprocessing
import os
import random
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

# What is imported next looks for a GPU. Asked of the driver, a fork could not
# use it afterwards; asked of NVML, it can.
os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')

import torch

TRAIN = str(Path(__file__).parents[1] / 'train.py')


class Training:
    """Processes that work together on one run.

    Args:
        config (Path): The config.
        work_dir (Path): The work directory.
        processes (int): How many. Defaults to 1.
        arguments (Sequence[str]): Further ones of the command line.
        prepare (Callable, optional): What the first process calls before.
    """

    def __init__(self, config: Path, work_dir: Path, processes: int = 1,
                 arguments: Sequence[str] = (),
                 prepare: Callable | None = None) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        command = [TRAIN, str(config), '--work-dir', str(work_dir), *arguments]
        environment = {}
        if processes > 1:
            command += ['--launcher', 'pytorch']
            environment = dict(
                MASTER_ADDR='127.0.0.1', WORLD_SIZE=str(processes),
                MASTER_PORT=str(random.SystemRandom().randrange(20000, 60000)))
        number = len(list(work_dir.glob('output_*')))
        self.log = work_dir / f'output_{number}.txt'
        self.processes = []
        for rank in range(processes):
            if processes > 1:
                environment.update(RANK=str(rank), LOCAL_RANK=str(rank))
            log = self.log.with_suffix(f'.{rank}.txt') if rank else self.log
            process = multiprocessing.get_context('fork').Process(
                target=_run, args=(command, environment, log,
                                   None if rank else prepare))
            process.start()
            self.processes.append(process)

    def wait(self, killed: bool = False) -> None:
        """Wait for the end; raise if it was not the one that is due."""
        first, *others = self.processes
        first.join()
        good = first.exitcode == -signal.SIGKILL * killed
        for process in others:
            if killed or not good:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.join()
            good &= killed or process.exitcode == 0
        if not good:
            raise RuntimeError(
                f'training failed: {self.log.read_text()[-3000:]}')


def _run(command: list[str], environment: dict, log: Path,
         prepare: Callable | None) -> None:
    os.setsid()  # A group of its own, to be killed with its workers.
    gc.freeze()  # MMEngine collects garbage for each data set.
    with open(log, 'wb') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    torch.set_num_threads(1)
    if prepare is not None:
        prepare()
    sys.argv = command
    runpy.run_path(TRAIN, run_name='__main__')
