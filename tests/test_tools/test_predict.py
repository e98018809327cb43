"""From a trained run to a CSV file of predictions."""
import csv
import os
import shutil
import sys
from pathlib import Path

import cv2
import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from mmjtln.apis import JTLNInferencer
from mmjtln.export.stock_data import as_pixels
from tests.load_tool import run_tool
from tests.pictures import (
    SOURCE,
    TARGET,
    odd_pictures,
    own_config,
    picture_folders,
)


@pytest.fixture
def run(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """Return config and checkpoint of an own run, and no training data."""
    picture_folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    config = own_config(tmp_path, 'jtln_resnet50_folders.py')
    cfg = Config.fromfile(config)
    cfg.model.head.num_classes = len(TARGET)
    cfg.model.source_head.num_classes = len(SOURCE)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(
            classes=TARGET, source_classes=SOURCE))), 'my.pth')
    shutil.rmtree('data/source')
    shutil.rmtree('data/target/train')
    return config, tmp_path / 'my.pth'


def test_folder_to_csv(run, tmp_path):
    """Every image below the folder has a row, .webp and .tiff included.

    The inferencer on the same images is the oracle.
    """
    out = tmp_path / 'new folder' / 'predictions.csv'
    assert run_tool('predict', *run, 'data/target', '--out', out,
                    '--top-k', '3', '--source', '--batch-size', '4') == 0
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 12
    assert {Path(row['path']).suffix for row in rows} == {
        '.jpg', '.webp', '.tiff'}
    inferencer = JTLNInferencer(str(run[0]), str(run[1]))
    for row in rows[::5]:
        result, = inferencer(row['path'], return_source=True)
        assert row['class'] == result['pred_class']
        assert float(row['score']) == pytest.approx(
            result['pred_score'], abs=1e-5)
        assert {row['class'], row['class_2']} == set(TARGET)
        assert float(row['score']) + float(row['score_2']) == pytest.approx(
            1, abs=1e-5)
        assert row['class_3'] == row['score_3'] == ''  # There are two.
        assert row['source_class'] == result['source_pred_class']
        assert {row[f'source_class{k}'] for k in ('', '_2', '_3')} == set(
            SOURCE)


def test_unreadable_file(run, tmp_path, capsys):
    """It is counted and named, and the others are predicted as usual.

    So is one of a kind that readers may not know.
    """
    Path('data/target/val/disc/0a.png').write_text('no image')
    Path('data/target/val/disc/0b.heic').write_bytes(b'from a telephone')
    out = tmp_path / 'p.csv'
    assert run_tool('predict', *run, 'data/target/val', '--out', out) == 1
    said = capsys.readouterr().err
    assert '2 files have no class in ' in said
    assert '0a.png: ' in said and '0b.heic: ' in said
    rows = {Path(row['path']).name: row for row in csv.DictReader(out.open())
            if 'disc' in row['path']}
    assert rows.pop('0a.png')['class'] == rows.pop('0b.heic')['score'] == ''
    assert all(row['class'] in TARGET for row in rows.values())


def test_stock_classifier(run, tmp_path, said):
    """What an export has written is predicted alike, and so are folders.

    Transparent pictures are told of: what lies behind is seen.
    """
    run_tool('export', *run, 'stock')
    mine = Path('data/target/val')
    Image.new('RGBA', (9, 9)).save(mine / 'disc/clear.png')
    outs = []
    for model in (run, ('stock/config.py', 'stock/model.pth')):
        outs.append(tmp_path / f'{len(outs)}.csv')
        assert run_tool('predict', *model, mine, '--out', outs[-1]) == 0
        assert said().count('1 of 7 images looked at are transparent') == len(
            outs)
    rows, others = ([*csv.DictReader(out.open())] for out in outs)
    assert list(rows[0]) == ['path', 'class', 'score'] and len(rows) == 7
    for row, other in zip(rows, others, strict=True):
        assert float(row.pop('score')) == pytest.approx(
            float(other.pop('score')), abs=2e-6)
        assert row == other
    found = JTLNInferencer(str(run[0]), str(run[1]))(str(mine))
    assert [one['img_path'] for one in found] == [
        row['path'] for row in rows]
    assert [one['pred_class'] for one in found] == [
        row['class'] for row in rows]


@pytest.mark.skipif(sys.platform != 'linux', reason='names are bytes there')
def test_names_that_are_no_utf8(run, tmp_path):
    """They are predicted, and stand in the file as on the disk."""
    name = os.fsencode(tmp_path) + b'/caf\xe9 $^$.jpg'
    shutil.copy(next(Path('data/target/val').rglob('*.jpg')), name)
    out = tmp_path / 'p.csv'
    assert run_tool('predict', *run, os.fsdecode(name), '--out', out) == 0
    row, = out.read_bytes().splitlines()[1:]
    assert row.startswith(name + b',')
    with pytest.raises(IsADirectoryError, match='is a folder'):
        run_tool('predict', *run, os.fsdecode(name), '--out', 'data')


@pytest.mark.skipif(sys.platform != 'linux', reason='no such names')
def test_names_come_back_from_the_table(run, tmp_path):
    """Of classes and files, whatever a program might take them for."""
    names = ['=1+1, {{ x }}', 'a\r"b']
    checkpoint = torch.load('my.pth')
    checkpoint['meta']['dataset_meta']['classes'] = names
    torch.save(checkpoint, 'my.pth')
    picture = tmp_path / 'new/c\rd\n=2.jpg'
    picture.parent.mkdir()
    shutil.copy(next(Path('data/target/val').rglob('*.jpg')), picture)
    out = tmp_path / 'p.csv'
    run_tool('predict', *run, picture, '--out', out, '--top-k', '2')
    with out.open(newline='') as file:
        row, = csv.DictReader(file)
    assert row['path'] == str(picture)
    assert {row['class'], row['class_2']} == {*names}


def test_nothing_to_predict(run, tmp_path):
    """A wrong path and an empty folder are errors, and nothing is written."""
    (tmp_path / 'empty').mkdir()
    out = tmp_path / 'p.csv'
    with pytest.raises(FileNotFoundError, match='no_such'):
        run_tool('predict', *run, 'no_such', '--out', out)
    with pytest.raises(ValueError, match='empty'):
        run_tool('predict', *run, 'empty', '--out', out)
    Path('empty/x.png').write_text('no image')
    with pytest.raises(ValueError, match='none of 1'):
        run_tool('predict', *run, 'empty', '--out', out)
    assert not out.exists()


def test_pil_images(run, tmp_path):
    """A PIL image has the pixels that its file is read with.

    Of CMYK and JPEG, decoders differ by rounding.
    """
    for path in odd_pictures(tmp_path / 'odd'):
        found, read = as_pixels(Image.open(path)), mmcv.imread(path)
        assert found.shape == read.shape == (
            (40, 60, 3) if 'turned' in path.name else (60, 40, 3))
        rounding = 2 if 'print' in path.name or path.suffix == '.jpg' else 0
        assert cv2.absdiff(found, read).max() <= rounding, path.name
    inferencer = JTLNInferencer(str(run[0]), str(run[1]))
    for image in (Image.open(path), [Image.open(path)], mmcv.imread(path)):
        np.testing.assert_allclose(
            inferencer(image)[0]['pred_scores'],
            inferencer(str(path))[0]['pred_scores'], atol=1e-6)


@pytest.mark.parametrize('picture', [
    np.full((9, 9, 3), .5, np.float32), np.full((9, 9, 3), np.nan),
    np.ones((9, 9, 3), np.uint16), np.ones((9, 9, 3), bool),
    np.ones((9, 9, 4), np.uint8), np.ones((2, 9, 9, 3), np.uint8),
    np.ones((0, 9, 3), np.uint8), torch.ones(9, 9, 3), None,
    Image.fromarray(np.ones((9, 9), np.float32)),
    Image.fromarray(np.full((9, 9), 2**16, np.int32)),
    Image.fromarray(np.full((9, 9), 200, np.uint8)).convert('I')])
def test_values_of_unknown_range(picture):
    """They are refused: in [0, 1] a picture would be another class."""
    with pytest.raises(ValueError, match='uint8'):
        as_pixels(picture)


def test_gray_pictures(run):
    """They are read in gray where the pipeline says so, as in a test."""
    gray = np.random.default_rng(1).integers(0, 256, (40, 30), np.uint8)
    cv2.imwrite('gray.png', gray)
    cfg = Config.fromfile(run[0])
    model = MODELS.build(dict(
        cfg.model, head=dict(cfg.model.head, num_classes=2),
        source_head=dict(num_classes=3),
        backbone=dict(cfg.model.backbone, in_channels=1)))
    cfg.test_dataloader.dataset.pipeline = [
        dict(type='LoadImageFromFile', color_type='grayscale'),
        dict(type='PackInputs')]
    model._config = cfg
    inferencer = JTLNInferencer(model)
    assert inferencer.pipeline('gray.png')['inputs'].shape == (1, 40, 30)
    for picture in (gray, Image.open('gray.png'), cv2.imread('gray.png')):
        np.testing.assert_array_equal(
            inferencer(picture)[0]['pred_scores'],
            inferencer('gray.png')[0]['pred_scores'])


@pytest.mark.parametrize('option', ['top-k', 'batch-size'])
def test_counts_below_one_are_refused(run, tmp_path, option):
    """By the tool as by the function, before the model is built."""
    with pytest.raises(ValueError, match=option.replace('-', '_')):
        run_tool('predict', *run, 'data/target', '--out', tmp_path / 'a.csv',
                 f'--{option}', '0')
