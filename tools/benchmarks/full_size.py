"""The paper's full size, rehearsed on made-up data, beside MMPretrain alone.

    OMP_NUM_THREADS=1 python tools/benchmarks/full_size.py

Data: both annotation lists at their full length (ILSVRC2012, FGVC-Aircraft), a
few thousand JPEG files of 500 x 375 pixels standing for all. The ready config
runs by `tools/train.py`, a stock run of the source by MMPretrain's own, in
turn; figures are medians. Each run ends after some steps by SIGKILL, and a
joint one is then resumed. Memory is what processes take of the machine, shared
pages counted once. Linux only.
"""
import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmpretrain.datasets.categories import FGVCAIRCRAFT_CATEGORIES
from sklearn.datasets import load_sample_images
from timing import in_turn, print_table, quartiles

from mmjtln.hosts import host_file

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / 'configs/jtln_alexnet_ilsvrc2012_fgvc-aircraft.py'
TOOLS = dict(joint=HERE.parent / 'train.py', stock=host_file('tools/train.py'))
#: Steps between checkpoints.
INTERVAL = 3
#: Environment variable: when a run was started, in seconds.
BEGAN = 'FULL_SIZE_BEGAN'


@register_backend('stand_in', force=True)
class StandInBackend(LocalBackend):
    """Reads one of a folder's ``count`` files in the place of any other."""

    def __init__(self, folder: str, count: int) -> None:
        super().__init__()
        self.folder, self.count = folder, count

    def get(self, filepath: str) -> bytes:
        """Return the bytes of the file that stands for ``filepath``."""
        number = zlib.crc32(str(filepath).encode()) % self.count
        return Path(self.folder, f'{number}.jpg').read_bytes()


def make_data(folder: Path, images: int, pictures: int) -> None:
    """Write both lists in their publishers' form, and the pictures."""
    rng = random.Random(0)
    for name in ('imagenet/meta', 'aircraft/data', 'pictures'):
        (folder / name).mkdir(parents=True)
    wnids = sorted(rng.sample(range(10**6, 10**8), 1000))
    with open(folder / 'imagenet/meta/train.txt', 'w') as file:
        for i in range(images):  # Class by class.
            label = i * 1000 // images
            wnid = f'n{wnids[label]:08d}'
            file.write(f'{wnid}/{wnid}_{i % 99991}.JPEG {label}\n')
    (folder / 'aircraft/data/images_variant_train.txt').write_text(''.join(
        f'{i:07d} {FGVCAIRCRAFT_CATEGORIES[i % 100]}\n' for i in range(3334)))
    photographs = load_sample_images().images
    for i in range(pictures):
        image = rng.choice(photographs)
        top, left = (rng.randint(0, length - size) for length, size in zip(
            image.shape, (375, 500), strict=False))
        cv2.imwrite(str(folder / f'pictures/{i}.jpg'),
                    image[top:top + 375, left:left + 500, ::-1])


def config(kind: str, folder: Path) -> Config:
    """Return the ready config on these data, or a stock one of the source.

    There is no validation, and the cost matrix is a random one.
    """
    cfg = Config.fromfile(CONFIG)
    pictures = folder / 'pictures'
    data = cfg.train_dataloader.dataset
    for part, name in ((data.source, 'imagenet'), (data.target, 'aircraft')):
        part.pipeline = cfg.train_pipeline
        part.data_root = str(folder / name)
    for pipeline in (cfg.train_pipeline, cfg.test_pipeline):
        pipeline[0].backend_args = dict(
            backend='stand_in', folder=str(pictures),
            count=len(list(pictures.iterdir())))
    for split in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            cfg[f'{split}_{part}'] = None
    cfg.merge_from_dict(dict(
        load_from=None,
        custom_imports=dict(imports=['mmjtln', Path(__file__).stem]),
        default_hooks=dict(logger=dict(interval=1), checkpoint=dict(
            by_epoch=False, interval=INTERVAL, max_keep_ckpts=-1,
            save_best=None)),
        train_cfg=dict(_delete_=True, by_epoch=False, max_iters=5200,
                       val_interval=10**9),
        param_scheduler=dict(T_max=5200)))
    for hook in cfg.custom_hooks:
        if hook.type == 'mmjtln.CostMatrixHook':
            hook.cost = dict(type='mmjtln.RandomCost')
    if kind == 'stock':
        cfg.model = dict(
            type='ImageClassifier', backbone=cfg.model.backbone,
            neck=cfg.model.neck, head={**cfg.model.head, 'num_classes': 1000})
        cfg.train_dataloader.dataset = cfg.train_dataloader.dataset.source
        del cfg.train_dataloader.batch_sampler
        cfg.default_hooks.checkpoint.type = 'CheckpointHook'
        cfg.custom_hooks = []
    return cfg


def clock() -> float:
    """Return seconds: of CPU time or, with a GPU, when its work is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def memory(pids: Iterable[int], field: str) -> float:
    """Return MiB: ``Pss`` shares out shared pages, ``Private`` has none."""
    return sum(
        int(kilobytes) for pid in pids for kilobytes in re.findall(
            rf'^{field}(?:_Clean|_Dirty)?: +(\d+) kB',
            Path(f'/proc/{pid}/smaps_rollup').read_text(), re.M)) / 1024


@HOOKS.register_module(force=True)
class MeasureHook(Hook):
    """Write what a run of some ``steps`` takes, then kill it.

    Steps are without the wait for data, the log and the checkpoint.
    """

    # Before all others, whose work a step includes.
    priority = 0

    def __init__(self, steps: int) -> None:
        self.count, self.steps = steps, []

    def before_train_iter(self, runner: Runner, *args: Any,
                          **kwargs: Any) -> None:
        """Start the clock, or end the run."""
        if len(self.steps) == self.count:
            workers = [child.pid for child in active_children()]
            size = Path(runner.work_dir, f'iter_{INTERVAL}.pth').stat().st_size
            found = {
                'Start to first step, s': self.started,
                'Main process and workers, MiB': memory(
                    [os.getpid(), *workers], 'Pss'),
                'Private to a worker, MiB': statistics.median(
                    memory([pid], 'Private') for pid in workers),
                'Checkpoint, MiB': size / 2**20}
            Path(runner.work_dir, 'found.json').write_text(
                json.dumps([found, self.steps]))
            os.killpg(0, signal.SIGKILL)
        self.start = clock()

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        """Stop the clock."""
        if not self.steps:
            self.started = time.time() - float(os.environ[BEGAN])
        self.steps.append(clock() - self.start)


def run(kind: str, folder: Path, work_dir: Path, args: argparse.Namespace,
        resume: bool = False) -> tuple[dict, list[float]]:
    """Run 'joint' or 'stock'; return figures by name, seconds of the steps."""
    work_dir.mkdir(parents=True, exist_ok=True)
    cfg = config(kind, folder)
    cfg.train_dataloader.num_workers = args.workers
    cfg.custom_hooks.append(dict(type='MeasureHook', steps=args.steps))
    cfg.dump(work_dir / 'config.py')
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]),
                            os.environ.get('PYTHONPATH', '')])
    output = work_dir / 'output.txt'
    with open(output, 'w') as log:
        ended = subprocess.run(
            [sys.executable, TOOLS[kind], work_dir / 'config.py',
             '--work-dir', work_dir, *['--resume'] * resume],
            env={**os.environ, 'PYTHONPATH': path, BEGAN: str(time.time())},
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    if ended.returncode != -signal.SIGKILL:
        raise SystemExit(output.read_text()[-3000:])
    return json.loads((work_dir / 'found.json').read_text())


def measure(folder: Path, args: argparse.Namespace) -> None:
    """Run both in turn, and print the rows."""
    homes = {kind: (folder / f'{kind}{number}' for number in range(99))
             for kind in ('stock', 'joint')}
    runs = in_turn({kind: lambda k=kind: run(k, folder, next(homes[k]), args)
                    for kind in homes}, args.repeats)
    for name in runs['joint'][0][0]:
        joint, stock = (statistics.median(found[name] for found, _ in runs[k])
                        for k in ('joint', 'stock'))
        print_table((name, f'{joint:.4g}', f'{stock:.4g}',
                     f'{joint / stock:.3f}'))
    # The first step of a run is slower.
    steps = [[1e3 * step for _, taken in runs[kind] for step in taken[1:]]
             for kind in ('joint', 'stock')]
    joint, stock = map(statistics.median, steps)
    low, _, high = quartiles(*steps)
    print_table(('Step, ms' if torch.cuda.is_available() else 'Step, CPU ms',
                 f'{joint:.4g}', f'{stock:.4g}',
                 f'{joint / stock:.3f} ({low:.3f} to {high:.3f})'))
    name = 'Start to first step, s'
    found, _ = run('joint', folder, folder / 'joint0', args, resume=True)
    print_table((f'Killed and resumed: {name}', f'{found[name]:.4g}', '', ''))


def main() -> None:
    """Make the data and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    for name, value in dict(images=1281167, pictures=2000, workers=8,
                            repeats=2, steps=12).items():
        parser.add_argument(f'--{name}', type=int, default=value)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        make_data(folder, args.images, args.pictures)
        device = (torch.cuda.get_device_name() if torch.cuda.is_available()
                  else 'CPU')
        print(f'{args.images} and 3334 images, {device}, torch '
              f'{torch.__version__}\n')
        print_table(('', 'JTLN', 'MMPretrain alone', 'ratio'), ['---'] * 4)
        measure(folder, args)


if __name__ == '__main__':
    main()
