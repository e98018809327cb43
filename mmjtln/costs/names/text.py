"""Distance of class-name embeddings."""
import hashlib

import numpy as np

from mmjtln.class_lists import classes_of, quote_names
from mmjtln.costs.base import BaseCost, RawCost
from mmjtln.registry import COSTS

from .tokens import spellings, synonyms, words
from .word_vectors import read_word_vectors

_MISSING = ('error', 'known', 'neutral')


@COSTS.register_module()
class TextCost(BaseCost):
    r"""Cosine distance of the class names' word vectors.

    .. math:: C_{ij} = 1 - \frac{v_i^T w_j}{\|v_i\| \|w_j\|} \in [0, 2].

    The vector of a class is found by the first of these that succeeds: the
    whole name as the file writes it; its synonyms (parted by commas, slashes
    or `` - ``), averaged over those that are found. A synonym is looked up as
    one phrase (with blanks, underscores, hyphens or nothing between its words,
    in several cases) and otherwise is the mean of its words. CamelCase,
    underscores and hyphens part words.

    Source: T. Mikolov et al., "Distributed Representations of Words and
    Phrases and their Compositionality", NeurIPS 2013 (mean and cosine).

    Needs: a file of word vectors, see
    :func:`~mmjtln.costs.names.word_vectors.read_word_vectors`; an ``.npz`` may
    also hold one vector per class name, from any text encoder. Not the images.

    Cost: reading the file once; O(L_s L_t D) time for D dimensions.

    Args:
        path (str): The file of word vectors.
        aliases (dict[str, str], optional): What to look up instead of a class
            name. Defaults to None.
        missing (str): What to do about words that the file does not know:
            ``'error'``, refuse and list them all; ``'known'``, use the words
            of the name that are known, and refuse only names without any;
            ``'neutral'``, as ``'known'``, and give a class without any the
            mean cost of the others, which tells nothing about it.
            Defaults to ``'error'``.
        **kwargs: Arguments of :class:`BaseCost`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If words are missing, no class name at all is known to the
            file, or the file is damaged.
    """

    def __init__(self,
                 path: str,
                 aliases: dict | None = None,
                 missing: str = 'error',
                 **kwargs):
        super().__init__(**kwargs)
        if missing not in _MISSING:
            raise ValueError(f'missing must be one of {", ".join(_MISSING)}, '
                             f'got {missing!r}')
        self.path = str(path)
        self.aliases = dict(aliases or {})
        self.missing = missing

    def prepare(self, source_dataset, target_dataset, model):
        sides = [
            classes_of(source_dataset, 'source'),
            classes_of(target_dataset, 'target')
        ]
        texts = {
            name: self.aliases.get(name, name)
            for side in sides for name in side
        }
        wanted = {
            form
            for text in texts.values()
            for phrase in [text, *synonyms(text)]
            for part in [phrase, *words(phrase)] for form in spellings(part)
        }
        known = read_word_vectors(self.path, wanted)
        if not known:
            raise ValueError(
                f'{self.path} knows no word of any class name '
                f'({quote_names(list(texts)[:5])}, ...): is it for another '
                'language, or are the names codes? aliases=dict(...) '
                'translates them')
        found = {name: self._embed(text, known) for name, text in
                 texts.items()}
        self._check_missing(found)
        return [[found[name][0] for name in side] for side in sides]

    def measure(self, prepared) -> RawCost:
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

    def _embed(self, text, known):
        """Return the vector of a name, or None, and its unknown words."""
        whole = _first(spellings(text), known)
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

    def _embed_phrase(self, phrase, known):
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

    def _check_missing(self, found):
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
                '. Give aliases=dict(...) for them, or choose missing='
                '"known" or "neutral"')
        zero = [name for name, (v, _) in found.items()
                if v is not None and not np.any(v)]
        if zero:
            raise ValueError(f'{self.path}: the vectors of {quote_names(zero)}'
                             ' are zero and have no direction')


def _first(forms, known):
    return next((known[form] for form in forms if form in known), None)
