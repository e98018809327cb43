"""The solar cells against their package, and on a folder of its layout."""
import sys

import numpy as np
import pytest
from PIL import Image

from mmjtln.datasets import ELPV

LEVELS = ('0.0', '0.3333333333333333', '0.6666666666666666', '1.0')
PARTS = ('train', 'val', 'test')


@pytest.fixture
def folder(tmp_path):
    """20 cells of each type and level, image i of value i, shuffled."""
    rows = [(cell_type, level) for cell_type in ELPV.CELL_TYPES
            for level in LEVELS for _ in range(20)]
    order = np.random.default_rng(0).permutation(len(rows))
    (tmp_path / 'images').mkdir()
    lines = []
    for i, row in enumerate(order):
        name = f'images/cell{i:04d}.png'
        Image.fromarray(np.full((6, 6), i, np.uint8)).save(tmp_path / name)
        lines.append(f'{name}  {rows[row][1]:20} {rows[row][0]}\n')
    (tmp_path / 'labels.csv').write_text(''.join(lines))
    return tmp_path


def contents(dataset):
    """Return the label of each image, by its path."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return {info['img_path']: info['gt_label'] for info in infos}


def check_parts(root, cell_type, labels):
    """Disjoint parts that make up the whole; return it."""
    whole = contents(ELPV(cell_type, labels, 'all', root))
    parts = [contents(ELPV(cell_type, labels, part, root)) for part in PARTS]
    assert sum(len(part) for part in parts) == len(whole)
    assert {**parts[0], **parts[1], **parts[2]} == whole
    return whole, [np.bincount(list(part.values())).tolist()
                   for part in parts]


def test_reads_the_type_and_the_labels_asked_for(folder):
    """Against the lines of the file themselves."""
    lines = [line.split()
             for line in (folder / 'labels.csv').read_text().splitlines()]
    for cell_type in ELPV.CELL_TYPES:
        levels, counts = check_parts(str(folder), cell_type, 'levels')
        assert levels == {
            str(folder / name): LEVELS.index(probability)
            for name, probability, kind in lines if kind == cell_type}
        assert counts == [[8] * 4, [4] * 4, [8] * 4]
        defective, counts = check_parts(str(folder), cell_type, 'defective')
        assert defective == {
            str(folder / name): int(float(probability) >= 0.5)
            for name, probability, kind in lines if kind == cell_type}
        assert counts == [[16] * 2, [8] * 2, [16] * 2]


def test_pipeline_mode_and_classes(folder):
    dataset = ELPV(
        'mono', 'defective', 'val', data_root=str(folder),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')])
    sample = dataset[3]
    path = sample['data_samples'].img_path
    assert sample['inputs'].shape == (3, 6, 6)
    assert (sample['inputs'] == int(path[-8:-4])).all()
    assert dataset.CLASSES == ('functional', 'defective')
    assert dataset.test_mode
    for split in ('train', 'all'):
        assert not ELPV('mono', 'levels', split, str(folder)).test_mode


@pytest.mark.parametrize('argument', ['cell_type', 'labels', 'split'])
def test_refuses_an_unknown_choice(argument):
    known = dict(cell_type='mono', labels='levels')
    with pytest.raises(ValueError, match=f'`{argument}` of ELPV .*thin-film'):
        ELPV(**{**known, argument: 'thin-film'})


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(sys, 'path', [])
    monkeypatch.delitem(sys.modules, 'elpv_dataset', raising=False)
    with pytest.raises(ImportError) as error:
        ELPV('mono', 'levels')
    assert 'pip install "mmjtln[elpv]"' in str(error.value)


def test_of_the_package():
    """The counts of the data set's paper, and parts fixed for ever."""
    pytest.importorskip('elpv_dataset')
    _, counts = check_parts('', 'mono', 'defective')
    assert counts == [[282, 148], [141, 74], [282, 147]]
    whole, _ = check_parts('', 'poly', 'levels')
    assert np.bincount(list(whole.values())).tolist() == [920, 178, 50, 402]
    image = ELPV('mono', 'defective', 'test', pipeline=[
        dict(type='LoadImageFromFile'), dict(type='PackInputs')])[0]
    assert image['inputs'].shape == (3, 300, 300)
    assert image['data_samples'].img_path.endswith('cell0002.png')
