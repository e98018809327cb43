"""What the pages say of the code and of the results is so."""
import ast
import importlib
import inspect
import json
import re
import runpy
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

import mmjtln
from mmjtln.registry import COSTS, HOOKS, MODELS
from mmjtln.resume.run_record import _FACTS

from .test_docs import PAGES, REGISTRIES, ROOT

README = (ROOT / 'README.md').read_text(encoding='utf-8')
RESULTS = ROOT / 'configs/compare/results'
CODE = re.compile(r'`([^`\n]+)`')
BLOCK = re.compile(r'^```python[^\n]*\n(.*?)^```', re.M | re.S)


def page(room: str) -> str:
    """Return the text of a room's page."""
    return (ROOT / room / 'README.md').read_text(encoding='utf-8')


def parameters(kind: type) -> set[str]:
    """Return the options of a class, those of its bases included."""
    found = set()
    for base in kind.__mro__:
        init = inspect.signature(base.__init__).parameters.values()
        found |= {p.name for p in init}
        if not any(p.kind is p.VAR_KEYWORD for p in init):
            return found
    return found


def named(name: str) -> type | None:
    """Return the class of this name of ours or of a host, if there is one."""
    if name in ('', 'dict'):
        return None
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        found = next(filter(None, (
            registry.get(scope + name) for registry in REGISTRIES
            for scope in ('mmjtln.', ''))), None)
    return found if inspect.isclass(found) else None


def calls(text: str) -> list[tuple[str, list[str]]]:
    """Return what code on a page calls, and with which options."""
    found = []
    for code in [*CODE.findall(text), *BLOCK.findall(text)]:
        try:
            tree = ast.parse(code)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            keys = {key.arg: key.value for key in node.keywords if key.arg}
            kind = keys.pop('type', node.func)
            name = getattr(kind, 'value', getattr(
                kind, 'attr', getattr(kind, 'id', '')))
            if isinstance(name, str):
                keys.pop('_delete_', None)
                found.append((name.removeprefix('mmjtln.'), list(keys)))
    return found


@pytest.mark.parametrize('path', PAGES, ids=lambda p: str(
    p.relative_to(ROOT)))
def test_options_are_parameters(path):
    """`Name(option=...)` and `model.option` exist in the code."""
    text = path.read_text(encoding='utf-8')
    for name, options in calls(text):
        kind = named(name)
        if kind:
            assert set(options) <= parameters(kind), (name, options)
    model = parameters(MODELS.get('mmjtln.JTLNClassifier'))
    for option in re.findall(r'`model\.(?!onnx|pth|json)(\w+)', text):
        assert option in model, option


@pytest.mark.parametrize('path', PAGES, ids=lambda p: str(
    p.relative_to(ROOT)))
def test_files_and_links_are_there(path):
    """Links lead somewhere, as do paths from the root."""
    text = path.read_text(encoding='utf-8')
    for link in re.findall(r'\]\(([^)\s]+)\)', text):
        if link.startswith('http'):
            continue
        file, _, anchor = link.partition('#')
        target = path.parent / file if file else path
        assert target.exists(), link
        if anchor:
            headings = re.findall(r'^#+ (.*)$', target.read_text(), re.M)
            assert anchor in [re.sub(r'[^\w -]', '', heading).lower().replace(
                ' ', '-') for heading in headings], link
    for code in CODE.findall(text):
        for word in code.split():
            if re.fullmatch(r'(mmjtln|tools|configs|tests)/[\w./-]+', word):
                assert (ROOT / word).exists(), word


def test_readme_is_read_in_three_minutes():
    """It stays short enough to be read."""
    assert len(README.splitlines()) <= 120
    assert len(README.split()) <= 1000


def test_pages_stay_few_words():
    """All pages, but the contents, which are made from the code."""
    assert sum(len(page.read_text().split()) for page in PAGES) <= 13_000


def test_contents_are_those_of_the_code():
    """`python .github/contents.py` would write what stands there."""
    made = runpy.run_path(str(ROOT / '.github/contents.py'))
    assert made['PAGE'].read_text() == made['contents']()


def test_changelog_begins_at_this_version():
    """A version has its entry, and the version stands in one place."""
    log = (ROOT / '.github/CHANGELOG.md').read_text()
    assert re.search('^## (.*)', log, re.M)[1] == mmjtln.__version__


def test_map_names_every_room():
    """Whoever looks for a room finds it in the README's map."""
    rooms = README.split('## Where things are')[1].split('\n## ')[0]
    for folder in Path(mmjtln.__file__).parent.iterdir():
        if (folder / '__init__.py').is_file():
            assert re.search(rf'`{folder.name}`|\[{folder.name}\]',
                             rooms), folder.name


def test_figures_are_those_of_the_results():
    """The README's table has the numbers of the committed tables."""
    starts = {'zero': 'linear',
              'source head, by class names': 'linear_regression',
              'shuffled': 'linear_shuffled', 'random': 'linear_random'}
    lines = re.findall(r'^\| (food|emoji)[^:]*: ([^|]+) \|(.*)\|$', README,
                       re.M)
    assert len(lines) == 8
    for data, start, cells in lines:
        table = (RESULTS / data / 'table.md').read_text()
        for shots, cell in zip((0, 1, 2, 5, 10), cells.split('|'),
                               strict=True):
            accuracy = re.search(rf'^\| {shots} \| {starts[start.strip("*")]} '
                                 r'\| ([\d.]+) ', table, re.M)
            assert cell.strip() == (accuracy[1] if accuracy else '')


def test_starts_side_by_side_are_those_of_each_set():
    """No accuracy was copied wrongly, and every start has its row."""
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in (RESULTS / 'frozen/table.md').read_text().splitlines()
            if line.startswith('|')]
    names = {'zero': 'linear', 'imprinting, regression':
             'imprinting_regression'}
    assert len(rows) == 18
    for start, *cells in rows[2:]:
        method = names.get(start) or (
            f'linear_{start.replace(", weighed", "_weighed")}')
        places = ((data, shots) for data in (
            'food', 'emoji', 'clipart', 'garments') for shots in (0, 1, 2, 5))
        for (data, shots), cell in zip(places, cells, strict=True):
            folder = f'{data}_icis' if 'icis' in start else data
            found = re.search(
                rf'^\| {shots} \| {method} \| ([\d.]+) ',
                (RESULTS / folder / 'table.md').read_text(), re.M)
            assert cell == (found[1] if found else ''), (start, data, shots)


@pytest.mark.parametrize('row, folder, count, ends', [
    (r'\(`(\w+)`\) \|(.*)\|$', 'halves', 10,
     '\n{} of these 40 choices are '),
    (r'^\| (\w+), last checkpoint \|(.*)\|$', 'halves_last', 2,
     'None of these eight choices is ')])
def test_recipe_is_beside_others_as_in_each_pair(row, folder, count, ends):
    """The tables of all pairs have the accuracies of each pair's table."""
    text = (RESULTS / 'halves.md').read_text()
    rows = re.findall(row, text, re.M)
    assert len(rows) == count
    sets = [RESULTS / f'{data}_{folder}'
            for data in ('food', 'emoji', 'clipart', 'garments')]
    for method, cells in rows:
        *cells, mean = cells.split('|')
        assert float(mean) == pytest.approx(sum(map(float, cells)) / 4,
                                            abs=0.1)
        for place, cell in zip(sets, cells, strict=True):
            found = re.search(rf'^\| 5 \| {method} \| ([\d.]+) ',
                              (place / 'table.md').read_text(), re.M)
            assert cell.strip() == found[1]
    found = [method for place in sets for method in json.loads(
        (place / 'results.json').read_text())['methods'].values()]
    assert len(found) == 4 * count
    chosen = sum(method['options'] in (method['tuning'][0]['options'],
                                       method['tuning'][-1]['options'])
                 for method in found)
    assert chosen == 0 or '{}' in ends
    assert ends.format(chosen) in text


def test_tuning_is_beside_heads_alone_as_on_each_set():
    """So are the four rates of each, none of which was chosen at an end."""
    text = (RESULTS / 'tuned.md').read_text()
    columns = re.findall(r' (food|emoji|clip art), ([15]) \|', text)
    rows = re.findall(r'\(`(\w+)`\) \|(.*)\|$', text, re.M)
    assert len(rows) == 7 and len(columns) == 6
    for method, cells in rows:
        for (name, shots), cell in zip(columns, cells.split('|'), strict=True):
            data = name.replace(' ', '')
            table = (RESULTS / f'{data}_tuned/table.md').read_text()
            found = re.search(rf'^\| {shots} \| {method} \| ([\d.]+) ', table,
                              re.M)
            assert cell.strip() == (found[1] if found else '')
            if found is None:
                continue
            about = json.loads((RESULTS / f'{data}_tuned/results.json'
                                ).read_text())['methods'][method]
            rates = [point['options']['optim_wrapper.optimizer.lr']
                     for point in about['tuning']]
            assert len(rates) == 4
            assert about['options']['optim_wrapper.optimizer.lr'] in rates[1:3]


def test_choices_at_the_ends_of_grids_are_counted():
    """What validation chose on frozen features, where there was a choice."""
    chosen = []
    for data in ('food', 'emoji', 'clipart', 'garments'):
        methods = json.loads(
            (RESULTS / data / 'results.json').read_text())['methods']
        for tuning in (tuning for method in methods.values()
                       for tuning in method['tuning'].values() if tuning):
            best = max(tuning, key=lambda point: point['validation'])
            chosen += [(data, *option) for option in best['options'].items()
                       if len({point['options'][option[0]]
                               for point in tuning}) > 1]
    penalties = [(data, value) for data, name, value in chosen
                 if name == 'penalty']
    shares = [value for _, name, value in chosen if name == 'share']
    small = [data for data, value in penalties if value == 0.0001]
    large = [data for data, value in penalties if value == 100]
    text = page('configs/compare/frozen')
    told = ' '.join(text[text.index('- Choices lie'):].split())
    assert large == ['food', 'food'] and told.startswith(
        f'- Choices lie at the ends of grids: of {len(penalties)} penalties '
        f'{len(small)} are the smallest, 0.0001, {small.count("garments")} of '
        'them on garments, and two, for food from zero, the largest. ')
    assert f'Two of {len(shares)} shares of imprinting are the' in told
    assert shares.count(0.1) == 2 and 10 not in shares


def test_means_over_sets_are_those_of_the_tables():
    """On each network, to what two roundings leave."""
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in (
        RESULTS / 'frozen/networks.md').read_text().splitlines()
        if line.startswith('|')]
    assert len(rows) == 13
    for start, *cells in rows[2:]:
        method = 'linear' if start == 'zero' else (
            f'linear_{start.replace(", weighed", "_weighed")}')
        places = ((network, shots) for network in (
            '', '_efficientnet-lite0_224px', '_efficientnet-lite1_240px')
            for shots in (0, 1, 2, 5))
        for (network, shots), cell in zip(places, cells, strict=True):
            found = [re.search(
                rf'^\| {shots} \| {method} \| ([\d.]+) ',
                (RESULTS / f'{data}{network}/table.md').read_text(), re.M)
                for data in ('food', 'emoji', 'clipart', 'garments')]
            assert (cell == '') == (None in found)
            if cell:
                mean = sum(float(value[1]) for value in found) / 4
                assert abs(mean - float(cell)) < 0.11, (start, network, shots)


@pytest.mark.parametrize('room, registry, package', [
    ('mmjtln/costs', COSTS, 'mmjtln.costs'),
    ('mmjtln/hooks', HOOKS, 'mmjtln.hooks'),
    ('mmjtln/peers', None, 'mmjtln.peers')])
def test_page_names_all_of_a_room(room, registry, package):
    """Every builder, hook and peer has its line."""
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if registry is None or registry.get(f'mmjtln.{name}') is value:
            assert f'`{name}' in page(room), name


def test_all_that_a_resumed_run_compares_is_named():
    """The list is the code's."""
    text = ' '.join(page('mmjtln/resume').split())
    assert '; '.join(name.split(' (')[0] for name in _FACTS.values()) in text
