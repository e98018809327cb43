"""From a trained run to a CSV file of predictions."""
import csv
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from mmjtln.apis import JTLNInferencer
from tests.load_tool import run_tool
from tests.pictures import SOURCE, TARGET, own_config, picture_folders


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
    """It is named, and the others are predicted as they would be."""
    Path('data/target/val/disc/0a.png').write_text('no image')
    out = tmp_path / 'p.csv'
    assert run_tool('predict', *run, 'data/target/val', '--out', out) == 1
    assert '0a.png' in capsys.readouterr().err
    rows = {Path(row['path']).name: row for row in csv.DictReader(out.open())
            if 'disc' in row['path']}
    assert rows['0a.png']['class'] == ''
    assert all(row['class'] in TARGET for name, row in rows.items()
               if name != '0a.png')


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


def test_pil_images(run):
    """A PIL image gives what its file gives, palette and EXIF included."""
    pixels = np.random.default_rng(3).integers(
        0, 255, (60, 40, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # Turned by a quarter.
    Image.fromarray(pixels).save('turned.png', exif=exif)
    Image.fromarray(pixels).convert('P').save('palette.png')
    inferencer = JTLNInferencer(str(run[0]), str(run[1]))
    for name in ('turned.png', 'palette.png'):
        image = Image.open(name)
        for inputs in (image, [image]):
            np.testing.assert_allclose(
                inferencer(inputs)[0]['pred_scores'],
                inferencer(name)[0]['pred_scores'], atol=1e-6)
