"""Class lists: of data sets, checkpoints and files; checked and compared."""
import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain.registry import DATASETS as MMPRETRAIN_DATASETS
from torch.utils.data import Dataset

from mmjtln.domains import SOURCE, TARGET
from mmjtln.errors import refusal, require
from mmjtln.files.user_files import existing, reading, spelled
from mmjtln.registry import DATASETS

#: What the two classes are to which ImageNet gives one name, by name and
#: label: the synsets n02012849 and n03126707 of WordNet.
SENSES = {('crane', 134): 'bird', ('crane', 517): 'machine'}


def quote_names(names: Sequence[str]) -> str:
    """List names for an error message, 20 of them and how many more."""
    names = list(names)
    text = ', '.join(map(repr, names[:20]))
    return f'{text} and {len(names) - 20} more' if len(names) > 20 else text


def with_senses(names: Sequence[str]) -> tuple[str, ...]:
    """Spell names one way, and say which is which of ImageNet's two cranes."""
    names = tuple(spelled(name) if isinstance(name, str) else name
                  for name in names)
    if any(names[label:label + 1] != (name, ) for name, label in SENSES):
        return names
    return tuple(
        f'{name} ({SENSES[name, label]})' if (name, label) in SENSES else name
        for label, name in enumerate(names))


def check_names(names: Sequence[str], side: str) -> tuple[str, ...]:
    """Return a side's names, see above, if each is a string of its own."""
    rule = f'The {side} class list must hold one unique name a class'
    names = () if isinstance(names, str) else with_senses(names)
    require(names, rule, 'but it is empty, or a single string',
            'Give a list of names')
    odd = [name for name in names if not isinstance(name, str)]
    require(not odd, rule, f'but some are no strings: {quote_names(odd)}',
            'Put them in quotes')
    # Bytes of a folder's name that are no text stand there as surrogates.
    odd = [name for name in names
           if name != name.encode(errors='replace').decode()]
    require(not odd, rule, f'but some are not in UTF-8: {quote_names(odd)}',
            'Rename them, or the folders of these names')
    double = [name for name, count in Counter(names).items() if count > 1]
    require(not double, rule, 'but some stand there more than once: '
            f'{quote_names(double)}', 'Rename them: costs go by the name')
    return names


def check_several(names: Sequence[str], side: str) -> None:
    """Refuse a class list of one name, of which nothing can be learnt."""
    require(len(names) > 1, f'The {side} must have two classes or more',
            f'but it has only {quote_names(names)}', 'Add a class, such as '
            'that of all other images')


def read_names(path: str | Path, what: str) -> dict[str, str]:
    """Read a class name a line, and a description behind a tab, or ''."""
    path = existing(path, what)
    with reading(path, what, 'Save it as a text file of one entry a line.'):
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    rows = [(number, [part.strip() for part in line.partition('\t')[::2]])
            for number, line in enumerate(lines, 1) if line.strip()]
    names = with_senses([name for _, (name, _) in rows])
    first: dict[str, int] = {}
    for name, (number, *_) in zip(names, rows, strict=True):
        had = ('none' if not name else 'a comment' if name[:2] == '# ' else
               name in first and f'{name!r}, as line {first[name]} has')
        require(not had, f'A {what} has one name a line, each of them once',
                f'but {path}, line {number}, has {had}',
                'Rename one, or take it out: costs go by the name')
        first[name] = number
    return dict(zip(names, (told for _, (_, told) in rows), strict=True))


def classes_of(dataset: Dataset, side: str) -> tuple[str, ...]:
    """Return the class list of a data set, see :func:`check_names`."""
    names: Any = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    require(names is not None, f'The {side} data set must name its classes',
            f'but this {type(dataset).__name__} has no class names',
            'Set `metainfo=dict(classes=[...])` of it')
    return check_names(names, side)


def domain_classes(meta: Mapping, domain: str) -> tuple[str, ...] | None:
    """Return a domain's classes by a data set's or :func:`checkpoint_meta`."""
    names = meta.get('source_classes' if domain == SOURCE else 'classes')
    return None if names is None else with_senses(names)


def checkpoint_meta(checkpoint: Mapping | str | Path) -> dict:
    """Return the ``meta.dataset_meta`` of a checkpoint, loaded or a path.

    MMClassification wrote its ``classes`` elsewhere.
    """
    where: Any = 'its meta'
    if not isinstance(checkpoint, Mapping):
        where = checkpoint
        checkpoint = CheckpointLoader.load_checkpoint(
            str(checkpoint), map_location='cpu', logger='silent')
    meta = checkpoint.get('meta') or {}
    found = dict(meta.get('dataset_meta') or {})
    if not found.get('classes') and meta.get('CLASSES'):
        found['classes'] = meta['CLASSES']
    for key in found.keys() & {'classes', 'source_classes'}:
        names = found[key]
        require(names is None or isinstance(names, list | tuple) and all(
            isinstance(name, str) for name in names), 'A checkpoint must name '
            'its classes in a list of strings', f'but `{key}` of {where} is '
            f'{str(names)[:80]}', 'Correct it, or take it out')
    return found


def checkpoint_classes(
        checkpoint: Mapping | str | Path) -> tuple[str, ...] | None:
    """Return the classes that a checkpoint knows as a source, or None."""
    meta = checkpoint_meta(checkpoint)
    return domain_classes(meta, SOURCE) or domain_classes(meta, TARGET) or None


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


def check_parts(lists: Sequence[Sequence[str] | None]) -> None:
    """Refuse a concatenation of data sets whose class lists differ."""
    first, *others = (tuple(classes or ()) for classes in lists)
    found = [f'part {number}: {describe_difference(first, classes)}'
             for number, classes in enumerate(others, 1) if classes != first]
    require(not found, 'The parts of a ConcatDataset must have the same '
            'classes in the same order', 'but compared with part 0, '
            + '; '.join(found), 'Use a mmjtln.UnionDataset, which learns all '
            'of them, or set `metainfo=dict(classes=[...])` of each part')


def short_names(
        names: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return for each class a short name that no other has, and its synonyms.

    The first synonym; where several share it, the second stands in brackets
    (``'maillot (tank suit)'``), and what is still the same gets a number.
    """
    words = [tuple(part.strip() for part in name.split(', ') if part.strip())
             or (name, ) for name in with_senses(names)]
    count = Counter(first for first, *_ in words)
    short = [f'{first} ({others[0]})' if others and count[first] > 1 else first
             for first, *others in words]
    unique = tuple(numbered(short))
    synonyms = [part if name == own and len(part) > 1 else (own, )
                for part, name, own in zip(words, short, unique, strict=True)]
    return unique, synonyms


def numbered(names: Sequence[str], form: str = '{} ({})') -> Iterator[str]:
    """Number the names that several have, from 1: ``'a (1)'``, ``'a (2)'``."""
    count, number = Counter(names), Counter[str]()
    for name in names:
        number[name] += 1
        yield form.format(name, number[name]) if count[name] > 1 else name


def names_match(named: Sequence[str], classes: Sequence[str] | None) -> bool:
    """Whether a data set's classes are the names, or their short names."""
    return classes is not None and with_senses(classes) in (
        with_senses(named), short_names(named)[0])


#: What ``classes`` says where it means the checkpoint that a run starts from.
CHECKPOINT = 'checkpoint'
_WEIGHTS = ('.pth', '.pt', '.ckpt')


@DATASETS.register_module()
class ClassList(BaseDataset):
    """A source without images: the classes that a checkpoint knows.

    As ``source`` of a :class:`JointDataset` it names the outputs of the source
    head, which the checkpoint in ``load_from`` brings. All images of a batch
    are then the target's, and ``model.lambda_s`` must be 0.

    Args:
        classes (Sequence[str] | str): The names, in the order of the source
            head's outputs: a list; a text file, UTF-8, one name a line; the
            type of a registered data set (``'imagenet'``); one of timm's lists
            (``'imagenet12k'``, ...); a checkpoint (``.pth``, ``.pt`` or
            ``.ckpt``) or work directory that names those it was trained on;
            or ``'checkpoint'``, that in ``load_from``. Names of data sets and
            checkpoints are made short by :func:`short_names`.

    Raises:
        ValueError: If there are no names, one is given twice, or what
            ``classes`` says is unknown.

    Attributes:
        metainfo (dict): ``classes``, a tuple of L unique names, and
            ``synonyms``, a list of L tuples: all names of each class.
    """

    def __init__(self, classes: Sequence[str] | str | Path) -> None:
        if not isinstance(classes, str | Path):
            names, synonyms = classes, None
        elif Path(classes).is_file() and Path(classes).suffix not in _WEIGHTS:
            names, synonyms = [*read_names(classes, 'class list')], None
        else:
            names, synonyms = short_names(_known_classes(str(classes)))
        names = check_names(names, 'source')
        super().__init__(serialize_data=False, metainfo=dict(
            classes=names, synonyms=synonyms or [(name, ) for name in names]))

    def load_data_list(self) -> list[dict]:
        """Return the annotations of no image."""
        return []


def _known_classes(name: str) -> tuple[str, ...]:
    """Return the classes of a checkpoint or of a registered data set."""
    require(name != CHECKPOINT, "classes='checkpoint' of a ClassList needs a "
            'checkpoint that the run starts from', 'but there is none',
            'Start the run by tools/train.py or mmjtln.apis.train and set '
            '`load_from`, or name the file as `classes`')
    if name.endswith(_WEIGHTS) or any(Path(name).glob('*.pth')):
        classes: Any = checkpoint_classes(name)
        require(classes, 'A checkpoint as `classes` must name its classes',
                f'but {name} does not name its classes', 'Set `classes` to '
                "the list it was trained on, such as 'imagenet'")
        return classes
    require(not Path(name).suffix, 'A class list must be a text file of one '
            'name a line', f'but there is no class list at {name}',
            'Correct `classes` of the ClassList', FileNotFoundError)
    known = {kind.lower(): tuple(meta['classes'])
             for registry in (MMPRETRAIN_DATASETS, DATASETS)
             for kind, dataset in registry.module_dict.items()
             if (meta := getattr(dataset, 'METAINFO', {})).get('classes')}
    if name.lower() not in known:
        with suppress(ImportError, AssertionError):
            from timm.data import ImageNetInfo
            return tuple(ImageNetInfo(name).label_descriptions())
        near = difflib.get_close_matches(name.lower(), known, 1)
        raise refusal('`classes` of a ClassList must be a list, a file or a '
                      'data set with class names', f'but {name!r} is none'
                      + (f' (did you mean {near[0]!r}?)' if near else ''),
                      f'Known data sets are {", ".join(sorted(known))}')
    return known[name.lower()]
