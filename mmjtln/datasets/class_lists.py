"""Class lists: of data sets, checkpoints and files; checked and compared."""
import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import DATASETS as MMPRETRAIN_DATASETS
from torch.utils.data import Dataset

from mmjtln.domains import SOURCE
from mmjtln.files.user_files import read_lines
from mmjtln.registry import DATASETS

#: Names that an error message spells out before it says "and N more".
_SHOWN = 20
#: What the two classes are to which ImageNet gives one name, by name and
#: label: the synsets n02012849 and n03126707 of WordNet.
SENSES = {('crane', 134): 'bird', ('crane', 517): 'machine'}


def quote_names(names: Sequence[str]) -> str:
    """List names for an error message, shortened when there are many."""
    names = list(names)
    text = ', '.join(repr(name) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f'{text} and {more} more' if more > 0 else text


def with_senses(names: Sequence[str]) -> tuple[str, ...]:
    """Say of ImageNet's two classes 'crane' which is which.

    Every list of names is read through this, those of data sets and of
    checkpoints alike, so that ImageNet's own list serves as it is.

    Args:
        names (Sequence[str]): Class names in the order of the labels.

    Returns:
        tuple[str, ...]: With ``'crane (bird)'`` and ``'crane (machine)'``
        where both are there at ImageNet's labels, else the names as they are.
    """
    names = tuple(names)
    if any(names[label:label + 1] != (name, ) for name, label in SENSES):
        return names
    return tuple(
        f'{name} ({SENSES[name, label]})' if (name, label) in SENSES else name
        for label, name in enumerate(names))


def check_names(names: Sequence[str], side: str) -> tuple[str, ...]:
    """Check a class list.

    Args:
        names (Sequence[str]): Class names in the order of the labels.
        side (str): ``'source'`` or ``'target'``, for the messages.

    Returns:
        tuple[str, ...]: The names, see :func:`with_senses`.

    Raises:
        ValueError: If the list is empty, holds something that is not a string
            or holds a name twice.
    """
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ValueError(f'the {side} class list must be a sequence of names, '
                         f'got {names!r}')
    names = tuple(names)
    if not names:
        raise ValueError(f'the {side} class list is empty')
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise ValueError(f'{side} class names must be strings, got '
                         f'{quote_names(odd)}')
    names = with_senses(names)
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise ValueError(
            f'{side} class names must be unique, because costs are matched to '
            f'classes by name; more than once: {quote_names(double)}. Rename '
            'them in the metainfo of the data set')
    return names


def classes_of(dataset: Dataset, side: str) -> tuple[str, ...]:
    """Return the checked class list of a data set.

    Args:
        dataset (Dataset): Anything with a ``metainfo`` that holds ``classes``.
        side (str): ``'source'`` or ``'target'``, for the messages.

    Raises:
        ValueError: If the data set names no classes, or as
            :func:`check_names`.
    """
    names = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    if names is None:
        raise ValueError(
            f'the {side} data set ({type(dataset).__name__}) names no '
            "classes: give it metainfo=dict(classes=[...])")
    if not isinstance(names, str | Sequence):
        names = list(names)
    return check_names(names, side)


def domain_classes(meta: Mapping, domain: str) -> tuple[str, ...] | None:
    """Return the class names of a domain in what a data set says of itself.

    Args:
        meta (Mapping): ``metainfo`` of a data set, or ``meta.dataset_meta`` of
            a checkpoint, which is that of its training data. Its ``classes``
            are the target's; a joint one has ``source_classes`` as well.
        domain (str): ``'source'`` or ``'target'``.

    Returns:
        tuple[str, ...] | None: None if it says nothing of the domain.
    """
    names = meta.get('source_classes' if domain == SOURCE else 'classes')
    return None if names is None else with_senses(names)


def name_differences(side: str, have: Sequence[str],
                     want: Sequence[str]) -> list[str]:
    """Say how two class lists differ, whatever their order.

    Args:
        side (str): ``'source'`` or ``'target'``.
        have (Sequence[str]): The names a cost matrix knows.
        want (Sequence[str]): The names the data set has.

    Returns:
        list[str]: Zero to two sentences.
    """
    known, wanted = set(have), set(want)
    problems = []
    missing = [name for name in want if name not in known]
    if missing:
        problems.append(f'{len(missing)} {side} class(es) of the data set '
                        f'have no cost: {quote_names(missing)}')
    unexpected = [name for name in have if name not in wanted]
    if unexpected:
        problems.append(f'{len(unexpected)} {side} class(es) of the matrix '
                        f'are not in the data set: {quote_names(unexpected)}')
    return problems


def describe_difference(expected: Sequence[str], found: Sequence[str]) -> str:
    """Say in words how two class lists differ, their order included."""
    # Sets: lists can have 20,000 names.
    expected_set, found_set = set(expected), set(found)
    missing = [name for name in expected if name not in found_set]
    unknown = [name for name in found if name not in expected_set]
    if missing or unknown:
        return f'it lacks {missing[:10]} and adds {unknown[:10]}'
    if len(expected) != len(found):
        return f'it has {len(found)} names instead of {len(expected)}'
    row = next(i for i, name in enumerate(expected) if found[i] != name)
    return (f'the order differs from class {row} on ({found[row]!r} instead '
            f'of {expected[row]!r})')


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
    return classes is not None and with_senses(classes) in (
        with_senses(named), short_names(named)[0])


#: What ``classes`` says where it means the checkpoint that a run starts from.
CHECKPOINT = 'checkpoint'
_WEIGHTS = ('.pth', '.pt', '.ckpt')


@DATASETS.register_module()
class ClassList(BaseDataset):
    """A source without images: the classes that a checkpoint knows.

    As ``source`` of a :class:`JointDataset` it says what the outputs of the
    source head mean, which the checkpoint in ``load_from`` brings with it.
    All images of a batch are then the target's, there is no source loss
    (``model.lambda_s=0``), and the source head stays as it was loaded,
    unless the OT term trains it.

    Args:
        classes (Sequence[str] | str): The names, in the order of the source
            head's outputs:

            - a list of names;
            - a text file, UTF-8, one name a line;
            - the type of a registered data set that has class names, in any
              case: ``'imagenet'``, ``'cub'``, ...;
            - a checkpoint (a file or an address that ends in ``.pth``,
              ``.pt`` or ``.ckpt``): the classes it was trained on, as its
              ``meta.dataset_meta`` names them;
            - ``'checkpoint'``: that in ``load_from`` of the run. Known where
              the run is started by ``tools/train.py``, ``tools/test.py`` or
              :func:`mmjtln.apis.train`.

            A list of a data set or a checkpoint can name synonyms
            (``'tench, Tinca tinca'``) and one name twice (ImageNet's
            ``'crane'``); see
            :func:`~mmjtln.datasets.class_lists.short_names` for what
            becomes of them. Names that you give are taken as they are.
        lazy_init (bool): As in the other data sets. Defaults to False.

    Raises:
        ValueError: If there are no names, one is given twice, or what
            ``classes`` says is unknown.

    Attributes:
        metainfo (dict): ``classes``, a tuple of L unique names, and
            ``synonyms``, a list of L tuples: all names of each class.

    Examples:
        >>> imagenet = ClassList('imagenet')
        >>> imagenet.metainfo['classes'][0], imagenet.metainfo['synonyms'][0]
        ('tench', ('tench', 'Tinca tinca'))
    """

    def __init__(self, classes: Sequence[str] | str,
                 lazy_init: bool = False) -> None:
        names, synonyms = _read(classes)
        super().__init__(metainfo=dict(classes=names, synonyms=synonyms),
                         serialize_data=False, lazy_init=lazy_init)

    def load_data_list(self) -> list[dict]:
        """Return the annotations of no image."""
        return []


def _read(
    classes: Sequence[str],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return names and synonyms."""
    if not isinstance(classes, (str, Path)):
        names = check_names(
            classes if isinstance(classes, Sequence) else list(classes),
            'source')
        return names, [(name, ) for name in names]
    if classes == CHECKPOINT:
        raise ValueError(
            "classes='checkpoint' of a ClassList is the checkpoint that the "
            'run starts from, and there is none: set `load_from` in the '
            'config and start the run by tools/train.py or '
            'mmjtln.apis.train, or name the file, classes="weights.pth"')
    if str(classes).endswith(_WEIGHTS):
        names = checkpoint_classes(str(classes))
        if names is None:
            raise ValueError(
                f'the checkpoint {classes} does not name its classes (there '
                'is no meta.dataset_meta.classes in it); set `classes` of '
                'the ClassList to the list it was trained on, such as '
                "'imagenet'")
        return _unique(names)
    path = Path(classes)
    if path.is_file():
        names = check_names(read_lines(path, 'class list'), 'source')
        return names, [(name, ) for name in names]
    if path.suffix:
        raise FileNotFoundError(
            f'there is no class list at {path}: set `classes` of the '
            'ClassList to a text file of one name a line')
    return _unique(registered_classes(str(classes)))


def _unique(
    names: Sequence[str],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    short, synonyms = short_names(names)
    return check_names(short, 'source'), synonyms
