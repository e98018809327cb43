"""Class names in WordNet, through NLTK."""
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from mmjtln.datasets.class_lists import short_names, with_senses
from mmjtln.errors import refusal

from .text import synonyms

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import Synset

#: Synset ids of ILSVRC2012 in the order of its labels.
_IMAGENET = Path(__file__).with_name('imagenet_synsets.txt')
_SYNSET_ID = re.compile(r'[nvars]\d{8}')
_SYNSET_NAME = re.compile(r'.+\.[nvars]\.\d+')
# Between lower and upper case, and before the last capital of an acronym.
_HUMPS = re.compile(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])')
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(phrase: str) -> list[str]:
    """Split a phrase into words: ``'TennisBall'``, ``'tennis-ball'``."""
    return _WORD.findall(_HUMPS.sub(' ', phrase))


class WordNet:
    """WordNet's nouns, from the corpus ``wordnet`` of NLTK's data."""

    def __init__(self) -> None:
        try:
            from nltk.corpus import wordnet
        except ImportError as error:
            raise ImportError('A taxonomy from WordNet needs NLTK. Run '
                              '`pip install "mmjtln[wordnet]"`.') from error
        try:
            wordnet.ensure_loaded()
        except LookupError:
            raise refusal(
                "A taxonomy without `path` is WordNet's", 'but NLTK has no '
                'WordNet', 'Run `python -m nltk.downloader wordnet`, or put '
                'it into corpora/wordnet of the folder NLTK_DATA') from None
        self.reader = wordnet

    def find(self, name: str) -> 'Synset | None':
        """Find the synset of a class name, or None.

        By its id (``'n01440764'``) or name (``'tench.n.01'``), else the noun
        sense that most synonyms share, of equals the most frequent.
        """
        try:
            if _SYNSET_ID.fullmatch(name):
                return self.reader.synset_from_pos_and_offset(
                    name[0], int(name[1:]))
            if _SYNSET_NAME.fullmatch(name):
                return self.reader.synset(name)
        # NLTK has its own error and lets others through on odd offsets.
        except Exception:
            return None
        votes: Counter[Synset] = Counter()
        for phrase in synonyms(name):
            senses = (self.reader.synsets(form.lower(), pos='n') for form in (
                phrase.replace(' ', '_'), '_'.join(words(phrase))))
            votes.update(next(filter(None, senses), ()))
        # Of equal counts, the first entered: the most frequent sense.
        return votes.most_common(1)[0][0] if votes else None

    @staticmethod
    def imagenet(classes: Sequence[str]) -> dict[str, str]:
        """Return the synset ids of ImageNet's 1,000 classes, or none."""
        # A tenth of the names is not the most frequent sense of its words (a
        # tick, a drake, a screw), so names alone would mislead.
        names = tuple(classes)
        if len(names) != 1000 or names not in (
                short_names(IMAGENET_CATEGORIES)[0],
                with_senses(IMAGENET_CATEGORIES)):
            return {}
        return dict(zip(names, _IMAGENET.read_text().split(), strict=True))

    @staticmethod
    def edges(synsets: 'Iterable[Synset]') -> list[tuple[str, str]]:
        """Return what is above the given synsets, as (parent, child)."""
        edges, known, ready = [], set(), list(synsets)
        while ready:
            synset = ready.pop()
            if synset in known:
                continue
            known.add(synset)
            above = synset.hypernyms() + synset.instance_hypernyms()
            edges += [(parent.name(), synset.name()) for parent in above]
            ready += above
        return edges
