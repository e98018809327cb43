"""WordNet, in a database of nine nouns written in WordNet's own format."""
import pytest
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from mmjtln.costs import TaxonomyCost
from mmjtln.costs.wordnet import WordNet, words
from mmjtln.datasets import ClassList
from mmjtln.datasets.class_lists import with_senses
from tests.test_costs.conftest import Named

nltk = pytest.importorskip('nltk')
nltk.corpus = pytest.importorskip('nltk.corpus')
LazyCorpusLoader = nltk.corpus.LazyCorpusLoader
WordNetCorpusReader = nltk.corpus.WordNetCorpusReader

NOUNS = {
    'entity': ([], None),
    'animal': (['animal', 'beast'], 'entity'),
    'fish': (['fish'], 'animal'),
    'tench': (['tench', 'Tinca_tinca'], 'fish'),
    'goldfish': (['goldfish', 'Carassius_auratus'], 'fish'),
    'cat': (['cat', 'true_cat'], 'animal'),
    'person': (['person'], 'entity'),
    'gossip': (['cat', 'gossip'], 'person'),
    'great_white': (['great_white_shark', 'white_shark'], 'fish'),
}
KINDS = dict(noun='n', verb='v', adj='a', adv='r')


def write_database(folder):
    """Write data.noun and index.noun; returns the offset of each synset."""
    for kind in KINDS:
        for part in ('data', 'index'):
            (folder / f'{part}.{kind}').write_text('')
        (folder / f'{kind}.exc').write_text('')
    (folder / 'lexnames').write_text(''.join(
        f'{i:02d}\tnoun.tops\t1\n' for i in range(45)))
    (folder / 'index.sense').write_text('')
    offsets, text = {}, '  1 licence\n'
    lengths = {}

    def line(name):
        lemmas, parent = NOUNS[name]
        lemmas = lemmas or [name]
        fields = [f'{offsets.get(name, 0):08d}', '03', 'n',
                  f'{len(lemmas):02x}']
        fields += [f'{lemma} 0' for lemma in lemmas]
        pointer = f'001 @ {offsets.get(parent, 0):08d} n 0000'
        fields += [pointer if parent else '000']
        return ' '.join(fields) + ' | gloss\n'

    place = len(text)
    for name in NOUNS:
        offsets[name], lengths[name] = place, len(line(name))
        place += lengths[name]
    (folder / 'data.noun').write_text(text + ''.join(map(line, NOUNS)))
    senses = {}
    for name, (lemmas, _) in NOUNS.items():
        for lemma in lemmas or [name]:
            senses.setdefault(lemma.lower(), []).append(offsets[name])
    (folder / 'index.noun').write_text('  1 licence\n' + ''.join(
        f'{lemma} n {len(found)} 1 @ {len(found)} 0 ' +
        ' '.join(f'{offset:08d}' for offset in found) + '\n'
        for lemma, found in sorted(senses.items())))
    return offsets


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('nltk_data')
    database = root / 'corpora' / 'wordnet'
    database.mkdir(parents=True)
    return root, write_database(database)


@pytest.fixture
def offsets(folder, monkeypatch):
    root, offsets = folder
    use_data(monkeypatch, root)
    return offsets


def use_data(monkeypatch, root):
    """Point NLTK at a folder, as NLTK_DATA does."""
    monkeypatch.setattr(nltk.data, 'path', [str(root)])
    monkeypatch.setattr(
        nltk.corpus, 'wordnet',
        LazyCorpusLoader('wordnet', WordNetCorpusReader, None))


def test_distances_are_nltks(offsets):
    names = ('goldfish', 'cat', 'gossip')
    cost = TaxonomyCost(scale=False)(Named('tench'), Named(*names))
    assert cost.matrix[0].tolist() == pytest.approx([2 / 8, 3 / 7, 5 / 7])
    wordnet = WordNet()
    tench = wordnet.find('tench')
    for name, value in zip(names, cost.matrix[0], strict=True):
        assert value == pytest.approx(
            1 - tench.wup_similarity(wordnet.find(name)))


@pytest.mark.parametrize('name, synset', [
    ('tench, Tinca tinca', 'tench'),
    ('tench.n.01', 'tench'),
    ('GreatWhiteShark', 'great_white'),
    ('great_white_shark', 'great_white'),
    ('cat', 'cat'),
    ('cat, gossip', 'gossip'),
    ('unheard of, cat', 'cat'),
    ('beast', 'animal'),
])
def test_names_find_their_synsets(offsets, name, synset):
    assert WordNet().find(name).offset() == offsets[synset]


def test_synset_ids_map_directly(offsets):
    ids = [f'n{offsets[name]:08d}' for name in ('tench', 'cat')]
    cost = TaxonomyCost()(
        Named(*ids), Named('goldfish', 'true cat'))
    assert cost.matrix.argmin(axis=0).tolist() == [0, 1]
    assert cost.settings['details']['nodes'][0] == ['tench.n.01', 'cat.n.01']


def test_unknown_names_and_databases_are_refused(offsets, tmp_path,
                                               monkeypatch):
    with pytest.raises(ValueError, match="not in WordNet: 'n99', 'okapi'"):
        TaxonomyCost().check(
            Named('n99', 'cat'), Named('okapi'))
    with pytest.raises(ValueError, match='not in WordNet'):
        TaxonomyCost().check(
            Named('n00000003'), Named('cat.n.77'))
    use_data(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match='NLTK has no WordNet'):
        TaxonomyCost().check(Named('cat'), Named('cat'))


def test_names_become_words():
    assert words('TennisBall') == ['Tennis', 'Ball']
    assert words('tennis_ball') == words('tennis-ball') == ['tennis', 'ball']
    assert words('0 - zero') == ['0', 'zero']
    assert words('HTTPServer') == ['HTTP', 'Server']
    assert words("jack-o'-lantern, carver's") == [
        'jack', 'o', 'lantern', "carver's"]


def test_without_nltk_the_extra_is_named(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, 'nltk.corpus', None)
    with pytest.raises(ImportError, match=r'mmjtln\[wordnet\]'):
        TaxonomyCost().check(Named('cat'), Named('dog'))


def test_imagenet_is_known_by_its_synsets():
    """As published: a few ids, the two cranes, and their order."""
    classes = ClassList('imagenet').metainfo['classes']
    ids = WordNet.imagenet(classes)
    assert list(ids.values()) == sorted(ids.values())
    assert [ids[name] for name in (
        'tench', 'crane (bird)', 'crane (machine)', 'tick',
        'toilet tissue')] == ['n01440764', 'n02012849', 'n03126707',
                              'n01776313', 'n15075141']
    full = WordNet.imagenet(with_senses(IMAGENET_CATEGORIES))
    assert list(full.values()) == list(ids.values())
    assert WordNet.imagenet(classes[:999]) == {}
    assert WordNet.imagenet(classes[::-1]) == {}
