"""Runs of a comparison, side by side, each in a process of its own."""
import csv
import gc
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, find_latest_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import MODELS
from torch import nn

from mmjtln.apis import train
from mmjtln.checkpoints.weights import state_of, take_head
from mmjtln.domains import TARGET, domain_of
from mmjtln.files.atomic_file import atomic_write
from mmjtln.heads.last_layer import detach_classifier
from mmjtln.run_config import READ

from .results import RunResult

#: What a finished run leaves in its folder.
RESULT = 'result.json'
CLASSIFIER, BACKBONE = 'classifier.pth', 'backbone.pth'
_METRIC = 'target/accuracy/top1'


class Pool:
    """Make runs in folders of ``folder``, ``jobs`` side by side, with an ETA.

    Each has a process of its own, forked from one that has imported all.
    """

    def __init__(self, folder: Path, jobs: int, total: int) -> None:
        self.folder, self.jobs, self.total = folder, jobs, total
        self.done, self._spent = 0, 0.
        # Processes with more threads than cores wait for each other.
        self._threads = int(os.environ.get('OMP_NUM_THREADS') or max(
            1, (os.cpu_count() or 1) // jobs))
        # A fork of one that has asked the driver could not use the GPU.
        os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')
        self._context = multiprocessing.get_context('forkserver')
        self._context.set_forkserver_preload([__name__])

    def run(self, configs: dict[str, dict]) -> dict[str, RunResult]:
        """Run what is not finished yet, by name; return all results."""
        results = {
            name: result for name, cfg in configs.items()
            if (result := finished(cfg, self.folder / name)) is not None}
        self.total -= len(results)
        waiting = [name for name in configs if name not in results]
        running: dict[Any, Any] = {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                name = waiting.pop(0)
                process = self._context.Process(target=execute, args=(
                    configs[name], self.folder / name, self._threads))
                process.start()
                running[process.sentinel] = (process, name, time.monotonic())
            for sentinel in wait(list(running)):
                process, name, started = running.pop(sentinel)
                process.join()
                results[name] = finished(
                    configs[name], self.folder / name) or _failure(
                        self.folder / name, process.exitcode)
                self._tell(name, results[name], time.monotonic() - started)
        return results

    def _tell(self, name: str, result: RunResult, seconds: float) -> None:
        self.done, self._spent = self.done + 1, self._spent + seconds
        left = (self.total - self.done) * self._spent / self.done / self.jobs
        said = 'trained'
        if result.error is not None:
            said = f'FAILED, {result.error}'
        elif result.validation is not None:
            said = f'validation {result.validation:.2f}'
        print(f'[{self.done}/{self.total}] {name}: {said}, '
              f'{seconds:.0f} s; ETA {left / 60:.0f} min', flush=True)


def _failure(folder: Path, exitcode: int | None) -> RunResult:
    log = folder / 'log.txt'
    lines = log.read_text().splitlines() if log.exists() else ['no log']
    return RunResult(error=f'exit code {exitcode}: {lines[-1]} (see {log})')


def execute(cfg: dict, folder: Path, threads: int) -> None:
    """Train, choose the checkpoint on validation data, and test it once."""
    _end_with_parent()
    gc.freeze()  # MMEngine collects garbage for each data set.
    if not _is_of(folder, cfg):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with atomic_write(folder / 'config.json') as file:
            file.write(config_text(cfg).encode())
    log = open(folder / 'log.txt', 'a', buffering=1)  # noqa: SIM115
    os.dup2(log.fileno(), sys.stdout.fileno())
    os.dup2(log.fileno(), sys.stderr.fileno())
    sys.stdout = sys.stderr = log  # One buffer: an error stays the last line.
    torch.set_num_threads(threads)
    started = time.perf_counter()
    latest = find_latest_checkpoint(str(folder))
    start = {} if latest is None else dict(load_from=latest, resume=True)
    runner = train(Config(cfg), work_dir=str(folder), **start)
    tested = {}
    if runner.val_loop is None:
        _keep_source(runner, folder)
    else:
        tested = _test(runner)
    result = RunResult(
        steps=runner.iter,
        seconds=round(time.perf_counter() - started, 1), **tested)
    with atomic_write(folder / RESULT) as file:
        file.write(json.dumps(result.to_json()).encode())
    kept = (CLASSIFIER, BACKBONE)
    for file in [*folder.glob('*.pth'), folder / 'last_checkpoint']:
        if file.name not in kept:
            file.unlink(missing_ok=True)


def _end_with_parent() -> None:
    """Have this process killed when the one that asked for the run is gone."""
    parent: Any = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def finished(cfg: dict, folder: Path) -> RunResult | None:
    """Return the result of a run that was finished with this config."""
    result = folder / RESULT
    if not result.exists() or not _is_of(folder, cfg):
        return None
    return RunResult.of(json.loads(result.read_text()))


def config_text(cfg: dict) -> str:
    """Write a config so that the same config gives the same text."""
    return json.dumps(cfg, indent=1, sort_keys=True, default=str)


def _is_of(folder: Path, cfg: dict) -> bool:
    """Tell whether a folder is of a run that this config would repeat."""
    # A name that only one of them has and MMEngine does not read is a variable
    # of the file. Where both have it, a hook of one's own may read it.
    written = folder / 'config.json'
    if not written.exists():
        return False
    one, other = (json.loads(text) for text in (
        written.read_text(), config_text(cfg)))
    names = (one.keys() & other.keys()) | ((one.keys() ^ other.keys()) & READ)
    # `...` is in no JSON: a name that is missing is not one that is None.
    return all(one.get(name, ...) == other.get(name, ...) for name in names)


class _Predictions(Hook):
    """Write what the last test said of each target image: a CSV file."""

    def before_test_epoch(self, runner: Runner) -> None:
        self.rows = [('path', 'class', 'score', 'label')]

    def after_test_iter(self, runner: Runner, batch_idx: int,
                        data_batch: Any = None, outputs: Any = None) -> None:
        names = runner.test_dataloader.dataset.metainfo['classes']
        self.rows += [(one.get('img_path') or one.get('sample_idx'),
                       names[one.pred_label], f'{one.pred_score.max():.6f}',
                       names[one.gt_label])
                      for one in outputs if domain_of(one) == TARGET]

    def after_test_epoch(self, runner: Runner, metrics: Any = None) -> None:
        with open(Path(runner.work_dir, 'predictions.csv'), 'w', newline='',
                  encoding='utf-8', errors='surrogateescape') as file:
            csv.writer(file, lineterminator='\n').writerows(self.rows)


def _test(runner: Runner) -> dict:
    """Test the weights that validation data chose."""
    runner.register_hook(_Predictions())
    best = runner.message_hub.get_info('best_ckpt')
    runner.load_checkpoint(best)
    return dict(validation=runner.message_hub.get_info('best_score'),
                test=runner.test()[_METRIC], chosen=Path(best).stem)


def split_checkpoint(cfg: Config, folder: Path) -> None:
    """Save the classifier in ``load_from``, with its head and without."""
    loaded = CheckpointLoader.load_checkpoint(cfg.load_from, 'cpu')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        backbone = MODELS.build(cfg.model.backbone.to_dict())
    folder.mkdir(parents=True, exist_ok=True)
    _save_split(state_of(loaded), loaded.get('meta', {}), backbone, folder)


def _keep_source(runner: Runner, folder: Path) -> None:
    # Not the classes that MMEngine noted, which are those of the target.
    classes = runner.train_dataloader.dataset.source_classes
    _save_split(runner.model.state_dict(), dict(dataset_meta=dict(
        classes=classes)), runner.model.backbone, folder)


def _save_split(state: dict, meta: dict, backbone: nn.Module,
                folder: Path) -> None:
    with atomic_write(folder / CLASSIFIER) as file:
        torch.save(dict(state_dict=state, meta=meta), file)
    own = detach_classifier(backbone)
    take_head(state, own and own[0])
    with atomic_write(folder / BACKBONE) as file:
        torch.save(dict(state_dict=state), file)
