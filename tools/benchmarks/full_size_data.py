"""Made-up data of the paper's full size, as annotation files tell it.

ILSVRC2012's training list has 1,281,167 lines of 1,000 classes, that of
FGVC-Aircraft's training images 3,334 of 100; both are written in full. Of the
pictures there are a few thousand, JPEG files of 500 x 375 pixels: a file
backend opens one of them in the place of each path.
"""
import random
import zlib
from pathlib import Path

import cv2
from mmengine.config import Config
from mmengine.fileio import LocalBackend, register_backend
from mmpretrain.datasets.categories import FGVCAIRCRAFT_CATEGORIES
from sklearn.datasets import load_sample_images

CONFIG = (Path(__file__).parents[2] /
          'configs/jtln_alexnet_ilsvrc2012_fgvc-aircraft.py')
BACKEND = 'stand_in'


@register_backend(BACKEND, force=True)
class StandInBackend(LocalBackend):
    """Reads one of a folder's files in the place of any other.

    Args:
        folder (str): Where ``0.jpg``, ``1.jpg``, ... are.
        count (int): How many there are.
    """

    def __init__(self, folder: str, count: int) -> None:
        super().__init__()
        self.folder, self.count = folder, count

    def get(self, filepath: str) -> bytes:
        """Return the bytes of the file that stands for ``filepath``."""
        number = zlib.crc32(str(filepath).encode()) % self.count
        with open(f'{self.folder}/{number}.jpg', 'rb') as file:
            return file.read()


def make(folder: Path, images: int, pictures: int) -> None:
    """Write both lists and the pictures into an empty folder."""
    meta = folder / 'imagenet/meta'
    meta.mkdir(parents=True)
    # In ILSVRC2012's form, class by class.
    wnids = sorted(random.Random(0).sample(range(10**6, 10**8), 1000))
    with open(meta / 'train.txt', 'w') as file:
        for i in range(images):
            label = i * 1000 // images
            wnid = f'n{wnids[label]:08d}'
            file.write(f'{wnid}/{wnid}_{i % 99991}.JPEG {label}\n')
    aircraft = folder / 'aircraft/data'
    aircraft.mkdir(parents=True)
    for start, (split, size) in enumerate(
            (('train', 3334), ('val', 3333), ('test', 3333))):
        (aircraft / f'images_variant_{split}.txt').write_text(''.join(
            f'{10**6 * start + i:07d} {FGVCAIRCRAFT_CATEGORIES[i % 100]}\n'
            for i in range(size)))
    write_pictures(folder / 'pictures', pictures)


def write_pictures(folder: Path, count: int) -> None:
    """Cut pieces of 500 x 375 from scikit-learn's two photographs."""
    folder.mkdir()
    rng = random.Random(0)
    photographs = load_sample_images().images
    for i in range(count):
        image = rng.choice(photographs)
        top, left = (rng.randint(0, length - size) for length, size in zip(
            image.shape, (375, 500), strict=False))
        cv2.imwrite(str(folder / f'{i}.jpg'),
                    image[top:top + 375, left:left + 500, ::-1])


def config(folder: Path) -> Config:
    """Return the ready config on the made-up data, without validation.

    The cost matrix is a random one: its making is measured by itself.
    """
    cfg = Config.fromfile(CONFIG)
    backend = dict(
        backend=BACKEND, folder=str(folder / 'pictures'),
        count=len(list((folder / 'pictures').iterdir())))
    for pipeline in (cfg.train_pipeline, cfg.test_pipeline):
        pipeline[0].backend_args = backend
    data = cfg.train_dataloader.dataset
    for part, name in ((data.source, 'imagenet'), (data.target, 'aircraft')):
        part.pipeline = cfg.train_pipeline
        part.data_root = str(folder / name)
    cfg.custom_imports.imports = ['mmjtln', Path(__file__).stem]
    cfg.load_from = None
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator',
                'test_dataloader', 'test_cfg', 'test_evaluator'):
        cfg[key] = None
    cfg.default_hooks.checkpoint.save_best = None
    cfg.default_hooks.logger.interval = 1
    for hook in cfg.custom_hooks:
        if hook.type == 'mmjtln.CostMatrixHook':
            hook.cost = dict(type='mmjtln.RandomCost')
    return cfg


def stock_config(folder: Path) -> Config:
    """Return the same for a stock classifier of the source."""
    cfg = config(folder)
    model = cfg.model
    cfg.model = dict(
        type='ImageClassifier', backbone=model.backbone, neck=model.neck,
        head={**model.head, 'num_classes': 1000})
    cfg.train_dataloader.dataset = cfg.train_dataloader.dataset.source
    del cfg.train_dataloader.batch_sampler
    cfg.default_hooks.checkpoint.type = 'CheckpointHook'
    cfg.custom_hooks = []
    return cfg
