import csv

import numpy as np
import pytest
from PIL import Image

from mmjtln.costs import CostMatrix
from mmjtln.visualization import (
    draw_cost,
    draw_learning_curve,
    draw_plan,
    heatmap,
    try_drawing,
    write_cost,
)


def make(rows, columns, seed=0):
    matrix = np.random.default_rng(seed).random((rows, columns))
    return CostMatrix(matrix, [f's{i}, synonym' for i in range(rows)],
                      [f'target {j}' for j in range(columns)], 'MKMMDCost')


@pytest.mark.parametrize('rows, columns', [(1, 1), (1, 9), (5, 5), (60, 37)])
def test_pictures_of_any_size(rows, columns):
    image = draw_cost(make(rows, columns))
    assert image.dtype == np.uint8 and image.shape[2] == 3
    assert 100 < max(image.shape) < 2500
    # White paper, and something on it.
    assert (image[0] == 255).all() and (image != 255).any()


@pytest.mark.parametrize('shape', [(1000, 100), (100, 1000), (1000, 1000)])
@pytest.mark.parametrize('panels', [1, 2])
def test_large_pictures_stay_within_bounds(shape, panels):
    cell = heatmap._cell(shape, panels)
    height, width = (side * cell * heatmap._DPI for side in shape)
    assert max(height, width) < 2**15
    assert height * width * panels <= 61e6
    # A label needs some 10 pixels; where cells are smaller, some are left
    # out.
    step = int(np.ceil(heatmap._NARROW / cell - 1e-9))
    assert step * cell * heatmap._DPI >= 10.9
    assert step <= 3


def test_every_class_is_labelled_up_to_a_hundred(monkeypatch):
    seen = []
    label = heatmap._label

    def spy(axes, *args):
        label(axes, *args)
        seen.extend(t.get_text() for t in axes.get_yticklabels())

    monkeypatch.setattr(heatmap, '_label', spy)
    draw_cost(make(100, 3))
    assert seen == [f's{i}' for i in range(100)]


def test_long_names_are_cut():
    assert heatmap._short('tench, Tinca tinca') == 'tench'
    assert len(heatmap._short('x' * 99)) == 32


@pytest.mark.parametrize('name', ['$^$', '$$', '$\\frac$'])
def test_names_are_no_formulas(name):
    """Two dollars would be one to matplotlib, and mostly a wrong one."""
    cost = CostMatrix(np.eye(2), [name, 'a'], [name, 'b'], name)
    assert try_drawing(draw_cost, cost) is not None
    assert try_drawing(draw_learning_curve, {name: ([1, 2], [3, 4])}, {},
                       name) is not None
    plain = CostMatrix(np.eye(2), [name, 'a'], [name, 'b'])
    assert try_drawing(draw_cost, plain) is not None


def test_what_cannot_be_drawn_is_no_error(tmp_path):
    heatmap.write_png(try_drawing(draw_cost, None), tmp_path / 'a.png')
    assert not list(tmp_path.iterdir())


def test_plans_beside_costs():
    cost = make(6, 4)
    plan = np.exp(-cost.matrix / .1)
    plan[:, 2] = 0
    image = draw_plan(plan / plan.sum(), cost.matrix, cost.source_classes,
                      cost.target_classes)
    assert image.shape[1] > draw_cost(cost).shape[1]


@pytest.mark.parametrize('best', ['low', 'high'])
def test_no_best_entry_is_lost_below_a_pixel(best):
    """Of 25,000 rows two make a pixel; each shows the better of the two."""
    matrix = np.full((25000, 3), 0.5)
    matrix[20001, 1] = 0 if best == 'low' else 1
    cell = heatmap._cell(matrix.shape, 1)
    drawn = heatmap._at_least_a_pixel_each(matrix, best, cell)
    assert len(drawn) * cell * 100 * 3 >= len(drawn)
    assert drawn.max() - drawn.min() == 0.5
    assert heatmap._at_least_a_pixel_each(matrix, best, 0.01) is matrix


def test_ten_thousands_of_classes():
    """The one related pair of 25,000 classes is there to be seen."""
    matrix = np.ones((25000, 3))
    matrix[20001, 1] = 0
    picture = draw_cost(CostMatrix(matrix, [f's{i}' for i in range(25000)],
                                   ['a', 'b', 'c']))
    assert picture.shape[0] < 12000
    bright = np.argwhere((picture == (253, 231, 36)).all(axis=2))
    # Beside the colour bar's, on the right, which is at the top.
    below = bright[bright[:, 0] > 2000]
    assert len(below) and np.ptp(below[:, 0]) <= 2
    share = (below[:, 0].mean() - 60) / (picture.shape[0] - 80)
    assert abs(share - 20001 / 25000) < 0.01


@pytest.mark.filterwarnings('error:Glyph')
def test_names_of_any_script(said):
    """What no font has is a number, told once; the rest is drawn.

    The picture of the numbers is the oracle. DejaVu Sans has no arc, but
    matplotlib's DejaVu Sans Mono has.
    """
    matrix, unknown = np.eye(3), chr(0x10ffff)
    assert heatmap.fonts_of('a b')[0] == ['sans-serif']
    fonts, missing = heatmap.fonts_of('a\u2312' + unknown)
    assert fonts[0] == 'sans-serif' and len(fonts) == 2
    assert missing == {unknown}
    names = ['a', 'b' + unknown, '\u2312']
    for _ in range(2):
        drawn = draw_cost(CostMatrix(matrix, names, ['x', 'y', 'z']))
    expected = draw_cost(CostMatrix(matrix, ['a', '1', '\u2312'],
                                    ['x', 'y', 'z']))
    np.testing.assert_array_equal(drawn, expected)
    other = draw_cost(CostMatrix(matrix, ['a', '1', 'c'], ['x', 'y', 'z']))
    assert (drawn != other).any()
    assert said().count(f'for them: source class 1 is b{unknown}') == 1


def test_names_that_are_not_drawn_stand_in_a_table_beside(tmp_path):
    """Whole, and as they are in a list; with all drawn there is none."""
    odd = f'{chr(0x10ffff)}b, "c"'
    for names, listed in ((['a', odd], True), (['a', 'b'], False)):
        folder = tmp_path / str(listed)
        folder.mkdir()
        cost = CostMatrix(np.eye(2), names, ['x', 'y'])
        write_cost(cost, folder / 'cost.png')
        np.testing.assert_array_equal(
            np.asarray(Image.open(folder / 'cost.png')), draw_cost(cost))
        table = folder / 'cost_names.csv'
        assert table.exists() == listed
        if listed:
            assert [*csv.reader(table.open(encoding='utf-8'))] == [
                ['domain', 'number', 'class'], ['source', '1', odd]]
