"""Class lists that are on hand: of data sets and of checkpoints."""
import difflib
from collections import Counter
from collections.abc import Sequence

from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import DATASETS as MMPRETRAIN_DATASETS

from mmjtln.class_lists import SENSES, tell_apart
from mmjtln.registry import DATASETS


def registered_classes(name: str) -> tuple[str, ...]:
    """Return the class list of a registered data set.

    Args:
        name (str): The data set's type, whatever its case: ``'imagenet'``,
            ``'CUB'``, ``'OxfordIIITPet'``, ...

    Returns:
        tuple[str, ...]: Its ``METAINFO['classes']``.

    Raises:
        ValueError: If no registered data set of this name has class names.
    """
    known = {
        kind.lower(): tuple(meta['classes'])
        for registry in (MMPRETRAIN_DATASETS, DATASETS)
        for kind, dataset in registry.module_dict.items()
        if (meta := getattr(dataset, 'METAINFO', None)) and
        meta.get('classes')
    }
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, 1)
        raise ValueError(
            f'{name!r} is neither a file nor a data set with class names'
            f'{f" (did you mean {near[0]!r}?)" if near else ""}; known are '
            f'{", ".join(sorted(known))}. Set `classes` of the ClassList to '
            'a list of names, a text file of one name a line, one of these '
            'data sets, or a checkpoint (.pth)')
    return known[name.lower()]


def checkpoint_classes(checkpoint: dict | str) -> tuple[str, ...] | None:
    """Return the source classes that a checkpoint names.

    Args:
        checkpoint (dict | str): Its content, or where it lies.

    Returns:
        tuple[str, ...] | None: ``meta.dataset_meta.source_classes`` of a
        JTLN's, else ``meta.dataset_meta.classes`` or, as MMClassification
        wrote it, ``meta.CLASSES``; None if it names none.
    """
    if not isinstance(checkpoint, dict):
        checkpoint = CheckpointLoader.load_checkpoint(
            str(checkpoint), map_location='cpu', logger='silent')
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    dataset_meta = meta.get('dataset_meta') or {}
    found = (dataset_meta.get('source_classes') or dataset_meta.get('classes')
             or meta.get('CLASSES'))
    return tuple(found) if found else None


def short_names(
        names: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Give each class of a list one short name that no other has.

    The short name of ``'tench, Tinca tinca'`` is its first synonym. Of
    classes with the same first synonym, those with a second one get it in
    brackets (``'maillot (tank suit)'``), ImageNet's two cranes get what their
    synsets are (``'crane (bird)'``, ``'crane (machine)'``), and what is still
    the same gets a number.

    Args:
        names (Sequence[str]): L names with synonyms, parted by ``', '``.

    Returns:
        tuple: The L short names (tuple), and for each class its synonyms
        (list of L tuples), which tell the classes apart, too.
    """
    words = [tuple(part.strip() for part in name.split(', ') if part.strip())
             or (name, ) for name in names]
    count = Counter(first for first, *_ in words)
    short = []
    for label, (first, *others) in enumerate(words):
        sense = others[0] if others else SENSES.get((first, label))
        short.append(f'{first} ({sense})' if sense and count[first] > 1
                     else first)
    count, number, unique = Counter(short), Counter(), []
    for name in short:
        number[name] += 1
        unique.append(f'{name} ({number[name]})' if count[name] > 1 else name)
    synonyms = [part if count[name] == 1 and len(part) > 1 else (own, )
                for part, name, own in zip(words, short, unique, strict=True)]
    return tuple(unique), synonyms


def names_match(named: Sequence[str], classes: Sequence[str] | None) -> bool:
    """Whether two lists are the same, or one has the other's short names.

    Args:
        named (Sequence[str]): What a checkpoint says, synonyms maybe.
        classes (Sequence[str], optional): What a data set says.
    """
    return classes is not None and tell_apart(classes) in (
        tell_apart(named), short_names(named)[0])
