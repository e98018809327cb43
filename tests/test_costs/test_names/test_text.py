import gzip
import struct

import numpy as np
import pytest

from mmjtln.costs import TextCost
from mmjtln.costs.tokens import synonyms, words
from mmjtln.costs.word_vectors import read_word_vectors
from tests.test_costs.conftest import Named

VECTORS = {
    'cat': [1, 0, 0],
    'dog': [.8, .6, 0],
    'tennis': [0, 1, 0],
    'ball': [0, 0, 1],
    'Fish': [0, .6, .8],
    'great_white_shark': [.6, .8, 0],
}


def text_file(path, vectors=VECTORS, header=True):
    lines = [f'{w} ' + ' '.join(map(str, v)) for w, v in vectors.items()]
    if header:
        lines.insert(0, f'{len(vectors)} 3')
    path.write_text('\n'.join(lines) + '\n')
    return str(path)


def binary_file(path, vectors=VECTORS):
    path.write_bytes(f'{len(vectors)} 3\n'.encode() + b''.join(
        w.encode() + b' ' + struct.pack('<3f', *v) + b'\n'
        for w, v in vectors.items()))
    return str(path)


def npz_file(path, vectors=VECTORS):
    np.savez(path, names=list(vectors), vectors=list(vectors.values()))
    return str(path)


def gzip_file(path):
    plain = text_file(path.with_suffix(''))
    with gzip.open(path, 'wb') as file, open(plain, 'rb') as content:
        file.write(content.read())
    return str(path)


WRITERS = dict(
    word2vec=lambda folder: text_file(folder / 'v.vec'),
    glove=lambda folder: text_file(folder / 'v.txt', header=False),
    gzip=lambda folder: gzip_file(folder / 'v.txt.gz'),
    binary=lambda folder: binary_file(folder / 'v.bin'),
    npz=lambda folder: npz_file(folder / 'v.npz'))


@pytest.mark.parametrize('kind', WRITERS)
def test_every_format_gives_the_same_vectors(tmp_path, kind):
    found = read_word_vectors(WRITERS[kind](tmp_path), {'cat', 'Fish', 'no'})
    assert set(found) == {'cat', 'Fish'}
    np.testing.assert_allclose(found['Fish'], VECTORS['Fish'], atol=1e-7)


def test_names_become_words():
    assert words('TennisBall') == ['Tennis', 'Ball']
    assert words('tennis_ball') == words('tennis-ball') == ['tennis', 'ball']
    assert words('0 - zero') == ['0', 'zero']
    assert words('HTTPServer') == ['HTTP', 'Server']
    assert words("jack-o'-lantern, carver's") == [
        'jack', 'o', 'lantern', "carver's"
    ]
    assert synonyms('tench, Tinca tinca') == ['tench', 'Tinca tinca']
    assert synonyms('T-shirt/top') == ['T-shirt', 'top']
    assert synonyms('0 - zero') == ['0', 'zero']


def build(tmp_path, source, target, **options):
    path = text_file(tmp_path / 'v.txt')
    return TextCost(path=path, scale=False, **options)(
        Named(*source), Named(*target))


@pytest.mark.parametrize('name, expected', [
    ('cat', [1, 0, 0]),
    ('CAT', [1, 0, 0]),
    ('fish', [0, .6, .8]),
    ('TennisBall', [0, .5, .5]),
    ('tennis_ball', [0, .5, .5]),
    ('tennis-ball', [0, .5, .5]),
    ('great white shark', [.6, .8, 0]),
    ('GreatWhiteShark', [.6, .8, 0]),
    ('cat, dog', [.9, .3, 0]),
    ('cat, Felis catus', [1, 0, 0]),
])
def test_names_find_their_vectors(tmp_path, name, expected):
    cost = build(tmp_path, [name], ['cat', 'dog', 'ball'])
    v = np.array(expected) / np.linalg.norm(expected)
    units = np.array([VECTORS[w] for w in ('cat', 'dog', 'ball')])
    np.testing.assert_allclose(
        cost.matrix[0], (1 - units @ v).clip(0), atol=1e-9)


def test_whole_names_come_first(tmp_path):
    path = npz_file(tmp_path / 'v.npz', {
        **VECTORS, 'cat, dog': [0, 0, 1]
    })
    cost = TextCost(path=path, scale=False)(Named('cat, dog'), Named('ball'))
    assert cost.matrix.item() == pytest.approx(0)


def test_missing_words_are_all_listed(tmp_path):
    with pytest.raises(ValueError) as error:
        build(tmp_path, ['cat', 'okapi', 'red dog'], ['zebra', 'ball'])
    message = str(error.value)
    assert '3 class name(s)' in message
    for part in ("'okapi' (unknown: okapi)", "'red dog' (unknown: red)",
                 "'zebra' (unknown: zebra)", 'descriptions'):
        assert part in message


def test_fallbacks_for_missing_words(tmp_path):
    known = build(tmp_path, ['cat', 'red dog'], ['ball'], missing='known')
    assert known.matrix[1] == pytest.approx(1)
    with pytest.raises(ValueError, match="no vector for 1 class.*'okapi'"):
        build(tmp_path, ['cat', 'okapi'], ['ball'], missing='known')
    neutral = build(
        tmp_path, ['cat', 'okapi'], ['cat', 'dog'], missing='neutral')
    np.testing.assert_allclose(neutral.matrix, [[0, .2], [.1, .1]], atol=1e-9)
    assert neutral.settings['details']['neutral'] == 2
    alias = build(
        tmp_path, ['cat', 'okapi'], ['dog'], descriptions=dict(okapi='dog'))
    assert alias.matrix[1, 0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize('missing', ['error', 'known', 'neutral'])
def test_an_empty_intersection_is_its_own_error(tmp_path, missing):
    with pytest.raises(ValueError, match='knows no word of any class name'):
        build(tmp_path, ['n01440764'], ['n01443537'], missing=missing)
    with pytest.raises(ValueError, match='no class name in full|no vector'):
        build(tmp_path, ['okapi'], ['zebra dog'], missing='error')


@pytest.mark.parametrize('content, words', [
    ('cat 1 2 3\ndog 1 2\n', r"line 2 \('dog'\) has 2 numbers, the file 3"),
    ('cat 1 2 3\ndog 1 2 3 4\n', r"line 2 \('dog'\) has 4"),
    ('2 4\ncat 1 2 3\n', r"line 2 \('cat'\) has 3 numbers, the file 4"),
    ('cat 1 2 x\n', 'could not convert'),
    ('cat 1 2 nan\n', "'cat' holds NaN"),
    ('cat 0 0 0\ndog 1 2 3\n', "'cat' are zero"),
])
def test_bad_text_files_are_refused(tmp_path, content, words):
    path = tmp_path / 'v.txt'
    path.write_text(content)
    with pytest.raises(ValueError, match=f'v.txt.*{words}'):
        TextCost(path=str(path)).check(Named('cat'), Named('dog'))


def test_words_with_spaces_are_no_error(tmp_path):
    path = tmp_path / 'v.txt'
    path.write_text('cat 1 2 3\ncat food 9 9 9\ndog . . 1 2 3\ndog 4 5 6\n')
    found = read_word_vectors(path, {'cat', 'dog'})
    assert found['dog'].tolist() == [4, 5, 6]


def test_other_bad_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='no word vectors at'):
        read_word_vectors(tmp_path / 'x.txt', {'cat'})
    binary = tmp_path / 'v.bin'
    binary_file(binary)
    binary.write_bytes(binary.read_bytes()[:40])
    with pytest.raises(ValueError, match='announces 6 words and ends after 2'):
        read_word_vectors(binary, {'cat'})
    np.savez(tmp_path / 'a.npz', names=['cat'], vectors=np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r'\(N,\) and vectors \(N, D\)'):
        read_word_vectors(tmp_path / 'a.npz', {'cat'})
    np.savez(tmp_path / 'b.npz', words=['cat'])
    with pytest.raises(ValueError, match='arrays names and vectors'):
        read_word_vectors(tmp_path / 'b.npz', {'cat'})
    np.savez(tmp_path / 'c.npz', names=np.array([{}]), vectors=[[1]])
    with pytest.raises(ValueError, match='c.npz is not a valid file of word'):
        read_word_vectors(tmp_path / 'c.npz', {'cat'})
    with pytest.raises(ValueError, match='`missing` of TextCost must be one'):
        TextCost(path='v.txt', missing='skip')
