"""What `mim search mmjtln` lists is what the recipes say of themselves."""
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_recipes_and_figures():
    """Each recipe is there once, with the figure of its head, if any."""
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    collection, = index['Collections']
    assert (ROOT / collection['README']).is_file()
    found = {model['Name']: model for model in index['Models']}
    assert len(found) == len(index['Models'])
    recipes = {path.stem: path for path in (ROOT / 'configs').glob('*.py')}
    assert found.keys() == recipes.keys()
    for name, model in found.items():
        assert model['In Collection'] == collection['Name']
        assert ROOT / model['Config'] == recipes[name]
        head = re.sub(r'\n# *', ' ',
                      recipes[name].read_text().split('\n_base_')[0])
        told = re.search(r'Expect: [^%]*?(\d+\.\d)(?: \([\d.]+\))? %', head)
        figures = [result['Metrics']['Top 1 Accuracy']
                   for result in model.get('Results', ())]
        assert figures == ([float(told[1])] if told else []), name
