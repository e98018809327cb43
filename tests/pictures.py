"""Pictures of one's own, in folders and with annotation files."""
from pathlib import Path

import numpy as np
from PIL import Image

SOURCE = ('circle', 'cross', 'square')
TARGET = ('disc', 'plus sign')
#: An own config: the recipe with an OT term, and a network and a length for
#: tests.
OWN_CONFIG = '''
_base_ = __import__('mmjtln').recipe({recipe!r})
load_from = None
custom_hooks = [
    dict(type='mmjtln.ClassCheckHook'),
    dict(type='mmjtln.StockCheckpointHook'),
    dict(type='mmjtln.CostMatrixHook', cost=dict(
        type='mmjtln.MKMMDCost', pipeline=_base_.test_pipeline))]
model = dict(
    ot_loss=dict(_delete_=True, type='mmjtln.OTLoss'),
    own_marginal='label',
    backbone=dict(
        depth=18, stem_channels=8, base_channels=8,
        norm_cfg=dict(type='GN', num_groups=4)),
    head=dict(in_channels=64))
train_dataloader = dict(
    batch_size=8, num_workers=0, batch_sampler=dict(epoch=2))
val_dataloader = test_dataloader = dict(num_workers=0)
train_cfg = dict(max_epochs=2)
'''


def draw(path: Path, colour: int, seed: int) -> None:
    """Write a picture that is mostly of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 60, (40, 30, 3))
    noise[..., colour] += 150
    Image.fromarray(noise.astype(np.uint8)).save(path)


def odd_pictures(folder: Path) -> list[Path]:
    """Write pictures of all kinds that cameras and programs make."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    # Smooth, as JPEG and its decoders agree on little else.
    ramp = np.linspace(0, 255, 60 * 40).reshape(60, 40)
    rgba = np.stack([ramp, ramp[::-1], ramp[:, ::-1],
                     rng.integers(0, 256, ramp.shape)], -1).astype(np.uint8)
    gray = np.stack([ramp, rgba[..., 3]], -1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # Turned by a quarter.
    rgb = Image.fromarray(rgba[..., :3])
    for name, image in {
        'palette.png': rgb.convert('P'), 'bits.png': rgb.convert('1'),
        'alpha.png': Image.fromarray(rgba), 'gray.png': rgb.convert('L'),
        'gray_alpha.png': Image.fromarray(gray), 'plain.webp': rgb,
        'sixteen.png': Image.fromarray((257 * ramp).astype(np.uint16)),
        'sixteen.tif': Image.fromarray((257 * ramp).astype(np.uint16)),
        'print.jpg': rgb.convert('CMYK'), 'print.tif': rgb.convert('CMYK'),
    }.items():
        image.save(folder / name)
    rgb.save(folder / 'turned.jpg', exif=exif)
    rgb.save(folder / 'turned.png', exif=exif)
    return sorted(folder.iterdir())


def picture_folders(root: Path) -> None:
    """Write `data/source` and `data/target/{train,val,test}`."""
    for label, name in enumerate(SOURCE):
        for i in range(4):
            draw(root / f'data/source/{name}/{i}.png', label, i)
    for number, split in enumerate(('train', 'val', 'test'), 1):
        for label, name in enumerate(TARGET):
            for i, ending in enumerate(('jpg', 'webp', 'tiff')):
                draw(root / f'data/target/{split}/{name}/{i}.{ending}',
                     label, 10 * number + i)


def annotation_files(root: Path) -> None:
    """Write the same pictures with `classes.txt` and lists of files."""
    picture_folders(root)
    for folder, names, splits in (('source', SOURCE, ('train', )),
                                  ('target', TARGET,
                                   ('train', 'val', 'test'))):
        home = root / 'data' / folder
        images = home / 'images'
        images.mkdir()
        (home / 'classes.txt').write_text('\n'.join(names) + '\n')
        for split in splits:
            place = home if folder == 'source' else home / split
            lines = []
            for label, name in enumerate(names):
                (place / name).rename(images / f'{split} {name}')
                lines += [f'{path.relative_to(images)} {label}' for path in
                          sorted((images / f'{split} {name}').iterdir())]
            (home / f'{split}.txt').write_text('\n'.join(lines) + '\n')


def own_config(root: Path, recipe: str) -> Path:
    """Write a config as a user would, outside of the clone."""
    path = root / 'my_config.py'
    path.write_text(OWN_CONFIG.format(recipe=recipe))
    return path
