"""What is said of folders of images, and of which nothing is said."""
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmpretrain.datasets import CustomDataset
from PIL import Image

from mmjtln.checks.folders import look_into_folders
from tests.test_datasets.conftest import Toy


def test_folders_are_looked_into(tmp_path):
    """What MMPretrain takes or leaves without a word, behind a wrapper too."""
    for name in ('a/0.png', 'a/1.webp', 'a/2.txt', '.cache/3.png'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new('RGB', (4, 4)).save(
            path, path.suffix[1:].replace('txt', 'png'))
    (tmp_path / 'a/4.log').write_text('no image, whatever it is called')
    folder = CustomDataset(str(tmp_path))
    for dataset in (folder, RepeatDataset(folder, 2),
                    ConcatDataset([folder])):
        left_out, (hidden, txt, webp) = look_into_folders(dataset)
        assert left_out == 2
        assert hidden.startswith(f"'.cache' in {tmp_path} is taken for a")
        assert txt.startswith('1 images that end in .txt in ')
        assert webp.startswith('1 images that end in .webp in ')
        for ending in ('.jpg', '.txt', '.webp'):
            assert repr(ending) in webp.partition('extensions=')[2]
    assert look_into_folders(Toy(2)) == (0, [])


def test_pictures_that_are_lost_or_lose_something(tmp_path):
    """Those beside the folders are left out, transparent ones see through.

    Of either a class with annotations has none: it names what it takes.
    """
    for name in ('a/0.png', 'a/1.png', 'b/2.png', '3.png', '.4.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGBA', (4, 4), (0, 0, 0, 0 if '1' in name else 255)).save(
            tmp_path / name)
    count, (beside, transparent) = look_into_folders(
        CustomDataset(str(tmp_path)))
    assert count == 1
    assert beside.startswith('1 images lie beside the folders of the classes '
                             f'and are left out, such as {tmp_path}/3.png. ')
    assert transparent.startswith('1 of 3 images looked at are transparent, '
                                  f'such as {tmp_path}/a/1.png')
    (tmp_path / 'list.txt').write_text('a/0.png 0\na/1.png 1\n')
    listed = CustomDataset(str(tmp_path), ann_file='list.txt')
    assert look_into_folders(listed)[1] == [
        transparent.replace('1 of 3', '1 of 2')]


def test_splits_are_no_classes(tmp_path):
    """One of them may be: a class of trains is called so by chance."""
    for name in ('Train/a', 'val/a', 'b'):
        (tmp_path / name).mkdir(parents=True)
        Image.new('RGB', (4, 4)).save(tmp_path / name / '0.png')
    for root, found in ((tmp_path, 1), (tmp_path / 'val', 0)):
        problems = look_into_folders(CustomDataset(str(root)))[1]
        assert len(problems) == found
    assert look_into_folders(CustomDataset(str(tmp_path)))[1][0].startswith(
        "'Train', 'val' in ")
