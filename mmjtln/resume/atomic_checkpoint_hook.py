"""Checkpoints that are written whole or not at all."""
import os.path as osp
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmengine.runner.checkpoint import find_latest_checkpoint

from mmjtln.checks.run import is_training
from mmjtln.files.atomic_file import (
    atomic_write,
    lock_folder,
    remove_partial_files,
)

_BACKEND = 'mmjtln.atomic'


class AtomicLocalBackend(LocalBackend):
    """:class:`~mmengine.fileio.LocalBackend` that writes files whole."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes to a file, whole or not at all."""
        with atomic_write(filepath) as file:
            file.write(obj)


register_backend(_BACKEND, AtomicLocalBackend, force=True)


class CheckpointNotWrittenError(OSError):
    """A checkpoint could not be written; the one before it still stands."""


class AtomicCheckpointHook(CheckpointHook):
    """:class:`~mmengine.hooks.CheckpointHook` that loses nothing on the way.

    A checkpoint and ``last_checkpoint`` are written whole or not at all, and
    those that they make needless are removed afterwards. A run that begins
    anew in a used work directory moves the checkpoints there into a folder
    ``former_1``, and a second one in it at a time is refused.
    """

    backend_args: Any
    _anew = False
    _lock: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.backend_args is None and self.file_client_args is None and (
                '://' not in str(self.out_dir)):
            self.backend_args = dict(backend=_BACKEND)
        self._outdated: list[str] = []

    def before_run(self, runner: Runner) -> None:
        """Keep other training runs out of the work directory."""
        if is_training(runner) and is_main_process():
            self._lock = lock_folder(runner.work_dir, 'training', '--work-dir')

    def after_run(self, runner: Runner) -> None:
        """Let others in."""
        if self._lock is not None:
            self._lock.release(force=True)

    def before_train(self, runner: Runner) -> None:
        """Clear away what a killed run has left half written."""
        super().before_train(runner)
        if not is_main_process():
            return
        # The parent removes a file before its successor is written.
        self._remove = self.file_backend.remove
        self.file_backend.remove = self._outdated.append
        for folder in {runner.work_dir, self.out_dir}:
            for path in remove_partial_files(folder):
                runner.logger.info(f'Removed {path}, which a stopped run '
                                   'left half written.')
        self._anew = not runner._resume

    def _put_away_former(self, runner: Runner) -> None:
        """Move another run's checkpoints: none of them is this one's best."""
        anew, self._anew = self._anew, False
        former = [*Path(runner.work_dir).glob('last_checkpoint'), *(
            path for name in ('best_*', 'epoch_*', 'iter_*')
            for path in Path(self.out_dir).glob(f'{name}.pth'))]
        if not anew or not former:
            return
        folder = next(folder for number in count(1) if not (
            folder := Path(self.out_dir, f'former_{number}')).exists())
        folder.mkdir()
        for path in former:
            shutil.move(path, folder / path.name)
        runner.logger.warning(f'The checkpoints of the former run in '
                              f'{runner.work_dir} are in {folder} now.')

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: dict) -> None:
        """Write a checkpoint, then point to it, then remove outdated ones."""
        self._remove_outdated()  # A new best one has been written.
        self._put_away_former(runner)
        outdated = []
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            kept = [*self.keep_ckpt_ids, step]
            outdated = kept[:-self.max_keep_ckpts]
            # As long as it is there an outdated one is on the list, so that
            # the run which goes on from here removes it if this one cannot.
            runner.message_hub.update_info('keep_ckpt_ids', kept)
            self.keep_ckpt_ids.append(step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        with _explained(runner):
            runner.save_checkpoint(
                self.out_dir, name, self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler, meta=meta,
                by_epoch=self.by_epoch, backend_args=self.backend_args,
                **self.args)
            if is_main_process():
                with atomic_write(osp.join(runner.work_dir,
                                           'last_checkpoint')) as file:
                    file.write(self.last_ckpt.encode())
        if outdated:
            runner.message_hub.update_info('keep_ckpt_ids',
                                           list(self.keep_ckpt_ids))
        self._outdated += [
            self.file_backend.join_path(self.out_dir,
                                        self.filename_tmpl.format(old))
            for old in outdated]
        self._remove_outdated()

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save a new best checkpoint, then remove the one it surpasses."""
        if self.save_best:
            self._put_away_former(runner)
            with _explained(runner):
                super()._save_best_checkpoint(runner, metrics)
            self._remove_outdated()

    def _remove_outdated(self) -> None:
        """Remove checkpoints whose successors have been written."""
        while self._outdated:
            path = self._outdated.pop()
            if is_main_process() and self.file_backend.isfile(path):
                self._remove(path)


def how_to_go_on(work_dir: str) -> str:
    """Say from which checkpoint a stopped run goes on, and how."""
    if not osp.exists(osp.join(work_dir, 'last_checkpoint')):
        return 'No checkpoint has been written yet.'
    last = find_latest_checkpoint(work_dir)
    return (f'The last checkpoint is {last}; the same command with `--resume` '
            'goes on from there.')


@contextmanager
def stop_explained(work_dir: str) -> Iterator[None]:
    """Say how a run goes on that Ctrl-C or SIGTERM stops."""
    # Of several processes, one that lingers holds up the others. Exit cleans
    # up what is being written.
    clean = (get_world_size() == 1
             and threading.current_thread() is threading.main_thread()
             and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
    if clean:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if is_main_process():
            print(f'\nStopped. {how_to_go_on(work_dir)}', flush=True)
        raise
    finally:
        if clean:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _explained(runner: Runner) -> Iterator[None]:
    """Say what still stands when a checkpoint cannot be written."""
    try:
        yield
    except CheckpointNotWrittenError:
        raise
    except OSError as error:
        raise CheckpointNotWrittenError(
            error.errno, 'A run goes on only when its checkpoint is written, '
            f'but it could not be ({error.strerror}). Make room on the disk. '
            f'{how_to_go_on(runner.work_dir)}') from error
