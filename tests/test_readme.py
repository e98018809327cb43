"""The README's example config runs as it stands."""
import re
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

README = Path(__file__).parents[1] / 'README.md'


def image_folder(root: Path, classes: int, images: int) -> None:
    """Write small pictures, one folder a class."""
    rng = np.random.default_rng(0)
    for label in range(classes):
        folder = root / f'class_{label:03d}'
        folder.mkdir(parents=True)
        for i in range(images):
            pixels = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f'{i}.png')


def test_own_data_config(tmp_path, monkeypatch):
    """Two image folders of the sizes it names train for an epoch."""
    monkeypatch.chdir(tmp_path)
    image_folder(tmp_path / 'data/source/train', classes=100, images=1)
    image_folder(tmp_path / 'data/target/train', classes=20, images=1)
    image_folder(tmp_path / 'data/target/val', classes=20, images=1)
    text = re.search(r'```python own-data\n(.*?)```', README.read_text(),
                     re.DOTALL)[1]
    # ResNet-50 on 224 pixels is for a GPU: the rest stays word for word.
    text = text.replace('resnet50.py', 'resnet18.py').replace(
        '224', '32').replace('256, edge', '36, edge').replace(
            'num_workers=4', 'num_workers=0').replace(
                'batch_size=64', 'batch_size=16')
    (tmp_path / 'my_config.py').write_text(text)
    cfg = Config.fromfile(tmp_path / 'my_config.py')
    cfg.work_dir = str(tmp_path / 'work_dir')
    cfg.train_cfg.max_epochs = 1
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.collate_fn = dict(type='default_collate')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 3  # 20 target images, 8 a batch
    assert runner.message_hub.get_scalar(
        'val/target/accuracy/top1').data[0].size == 1
