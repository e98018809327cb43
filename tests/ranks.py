"""Real processes that form a gloo group, for the distributed tests."""
import gc
import multiprocessing
import os
from pathlib import Path

import torch
import torch.multiprocessing as mp

from mmjtln.apis.launch import leave_group


def _rank(rank, function, world_size, folder, arguments):
    gc.freeze()  # As in conftest.py.
    # What torchrun tells its workers; a file stands in for its address.
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank),
                      WORLD_SIZE=str(world_size))
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank,
        world_size=world_size)
    function(rank, *arguments)
    leave_group()


def start_ranks(function, world_size: int, folder: Path, *arguments):
    """Start ``function(rank, *arguments)`` on every rank of a new group.

    Args:
        function (Callable): Importable by its name.
        world_size (int): Number of processes.
        folder (Path): Where the ranks meet, one folder a group.
        *arguments: Pickled.

    Returns:
        torch.multiprocessing.ProcessContext: The processes.
    """
    # The libraries are imported once, not once a process.
    multiprocessing.set_forkserver_preload(
        ['mmjtln', 'mmpretrain.models', 'mmpretrain.datasets'])
    return mp.start_processes(
        _rank, (function, world_size, str(folder), arguments),
        nprocs=world_size, join=False, start_method='forkserver')


def run_ranks(function, world_size: int, folder: Path, *arguments) -> None:
    """Start it and wait for its end.

    Raises:
        torch.multiprocessing.ProcessRaisedException: If a rank fails.
    """
    context = start_ranks(function, world_size, folder, *arguments)
    while not context.join():
        pass
