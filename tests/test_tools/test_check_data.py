"""All images of a config looked at before a run: what is found in folders."""
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

import mmjtln.apis
from tests.load_tool import load_tool, run_tool
from tests.pictures import draw, own_config, picture_folders

TARGET = Path('data/target')
check_data = load_tool('check_data').check_data


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """Be where sound pictures and an own config are, and return the config."""
    picture_folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    return own_config(tmp_path, 'jtln_resnet50_folders.py')


def check(capsys, *args) -> tuple[int, str]:
    """Run the tool; return its exit status and what it says after the bar."""
    status = run_tool('check_data', *args)
    return status, capsys.readouterr().out.rpartition('ETA')[2]


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


def test_sound(config, capsys):
    """The table counts what the folders hold, and the exit status is 0."""
    (TARGET / 'val/disc/notes.txt').write_text('no image')
    (TARGET / 'val/disc/.hidden.gif').write_bytes(b'')
    (TARGET / 'train/disc/0.jpg').unlink()
    status, text = check(capsys, config)
    assert status == 0, text
    rows = [line.split() for line in text.splitlines()]
    for row in ('source train 12 3 0 0 4 each',
                'target train 5 2 0 0 2 (disc) to 3 (plus sign)',
                'target val 6 2 0 0 3 each', 'target test 6 2 0 0 3 each'):
        assert row.split() in rows, row
    assert text.rstrip().endswith('All is right.')


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
@pytest.mark.parametrize('harm', [
    lambda path: path.write_bytes(b'no image'),
    lambda path: path.write_bytes(b''), cut], ids=['text', 'empty', 'cut'])
def test_unreadable(config, capsys, split, harm):
    """The file is named; others of its data set are read."""
    path = TARGET / split / 'disc/0.jpg'
    harm(path)
    status, text = check(capsys, config)
    assert status == 1
    assert f'target {split}: The target {split} image {path} ' in text
    assert '1 problem(s).' in text
    assert ['target', split, '6', '2', '1', '0', '3', 'each'] in [
        line.split() for line in text.splitlines()]


def test_source_in_workers(config):
    """Other processes read, and say the same."""
    Path('data/source/cross/2.png').write_bytes(b'no image')
    cfg = Config.fromfile(config)
    cfg.train_dataloader.num_workers = 2
    source, target, *_ = check_data(cfg)
    assert (source.images, source.unreadable, target.unreadable) == (12, 1, 0)
    assert 'data/source/cross/2.png could not be read' in source.problems[0]
    assert source.counts.tolist() == [4, 4, 4]


def test_decoder_that_fills_up(config):
    """OpenCV 4 reads half a JPEG file, the other half gray."""
    path = TARGET / 'test/plus sign/0.jpg'
    cut(path)
    cfg = Config.fromfile(config)
    cfg.test_dataloader.dataset.pipeline = []
    report = check_data(cfg)[-1]
    assert report.unreadable == len(report.problems) == 1
    assert report.problems[0].startswith(
        f'The target test image {path} is damaged: ')


def test_no_image_can_be_read(config):
    """One error for all: the pipeline is wrong, not each file."""
    cfg = Config.fromfile(config)
    cfg.test_dataloader.dataset.pipeline = [dict(type='PackInputs'),
                                            dict(type='CenterCrop',
                                                 crop_size=9)]
    report = check_data(cfg)[-1]
    assert report.unreadable == report.images == 6
    assert len(report.problems) == 1
    assert report.problems[0].startswith('no image can be read. The target')


def test_left_out(config, capsys):
    """MMPretrain's own extensions: counts, and what to set so that it helps.

    Kinds that OpenCV may not decode are to be converted.
    """
    home = TARGET / 'train/disc'
    shutil.copy(home / '1.webp', home / '5.JFIF')
    (home / '6.heic').write_bytes(b'from a telephone')
    (home / '7.txt').write_text('no image')
    cfg = Config.fromfile(config)
    del cfg.train_dataloader.dataset.target.extensions
    target = check_data(cfg)[1]
    assert (target.images, target.left_out) == (2, 6)
    heic, jfif, tiff, webp, empty = target.problems[:4] + target.problems[-1:]
    assert heic.startswith('1 images that end in .heic') and 'Convert' in heic
    assert jfif.startswith('1 images that end in .jfif')
    assert tiff.startswith('2 images that end in .tiff')
    assert webp.startswith('2 images that end in .webp'), empty
    extensions = eval(webp.partition('extensions=')[2].rpartition(')')[0]
                      + ')')  # noqa: S307
    cfg.train_dataloader.dataset.target.extensions = extensions
    target = check_data(cfg)[1]
    assert (target.images, target.left_out) == (7, 1)


def test_hidden_folders(config, capsys):
    """A notebook's copies are a class, or images of one, to MMPretrain."""
    hidden = TARGET / 'train/.ipynb_checkpoints'
    draw(hidden / '0.png', 0, 99)
    draw(Path('data/source/cross/.ipynb_checkpoints/0.png'), 0, 98)
    status, text = check(capsys, config)
    assert status == 1
    assert ("target train: '.ipynb_checkpoints' in data/target/train is taken "
            'for a class') in text
    assert ("source train: images in 'cross/.ipynb_checkpoints' of "
            'data/source') in text
    assert 'target val: its classes must be those of the training' in text


@pytest.mark.parametrize('first, second, name', [
    ('target/train/disc/0.jpg', 'target/val/disc', 'target train images'),
    ('target/train/disc/0.jpg', 'target/test/disc', 'target train images'),
    ('target/val/disc/0.jpg', 'target/test/plus sign', 'target val images'),
    ('source/cross/0.png', 'target/test/disc', 'source train images')])
def test_shared(config, capsys, first, second, name):
    """Known by their content, whatever the files are called."""
    copy = Path('data', second, 'copy').with_suffix(Path(first).suffix)
    shutil.copy(Path('data', first), copy)
    status, text = check(capsys, config)
    split = second.split('/')[1]
    assert status == 1
    assert (f'target {split}: 1 of 7 target {split} images are {name}, too, '
            f'such as data/{first} is {copy}. ') in text
    assert '1 problem(s).' in text


def test_a_picture_of_two_classes(config, capsys):
    """A copy in another class's folder, whatever it is called."""
    shutil.copy(TARGET / 'train/disc/0.jpg', TARGET / 'train/plus sign/a.jpg')
    status, text = check(capsys, config)
    assert status == 1
    assert 'target train: 1 images have the content of another with' in text
    assert f'{TARGET}/train/disc/0.jpg (0) and {TARGET}/train/plus' in text


def test_one_class_is_too_few(config, capsys):
    """Said of each split, and by a run before its first step."""
    for split in ('train', 'val', 'test'):
        shutil.rmtree(TARGET / split / 'disc')
    status, text = check(capsys, config)
    assert status == 1
    assert text.count("must have two classes or more, but it has only 'plus "
                      "sign'") == 3
    with pytest.raises(ValueError, match='target must have two classes'):
        mmjtln.apis.train(str(config))


def test_test_set_is_validation_set(config, capsys):
    """All images of it: said in one sentence."""
    status, text = check(
        capsys, config, '--cfg-options',
        'test_dataloader.dataset.data_prefix=val')
    assert status == 1
    assert ('target test: the target test images are the target val images. '
            'Set one') in text


@pytest.mark.parametrize('labels, words', [
    ((1, 2), 'seem to be numbered from 1'),
    ((0, 0), "1 of 2 classes have no image: 'plus sign'")])
def test_labels(config, labels, words):
    """In an annotation file, of any split."""
    root = TARGET / 'val'
    lines = [f'{path.relative_to(root)} {label}' for label, name in zip(
        labels, ('disc', 'plus sign'), strict=True)
        for path in (root / name).iterdir()]
    (root / 'list.txt').write_text('\n'.join(lines))
    cfg = Config.fromfile(config)
    cfg.val_dataloader.dataset.update(
        ann_file='val/list.txt', metainfo=dict(classes=['disc', 'plus sign']))
    report = check_data(cfg)[2]
    assert (report.domain, report.split) == ('target', 'val')
    assert len(report.problems) == 1 and words in report.problems[0]
    assert report.images == 6 and report.unreadable == 0


def test_what_cannot_be_built(config, capsys):
    """One bad data set does not hide the others."""
    shutil.rmtree('data/source')
    (TARGET / 'val/disc/0.jpg').write_bytes(b'')
    status, text = check(capsys, config)
    assert status == 1
    assert 'source train: it cannot be built: ' in text
    assert 'data/source' in text and 'val/disc/0.jpg could not' in text
    assert '2 problem(s).' in text


def test_no_data():
    """There is nothing to say yes to."""
    with pytest.raises(ValueError, match='Set `train_dataloader`'):
        check_data(Config())
