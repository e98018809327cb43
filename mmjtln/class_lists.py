"""Class lists: taken from a data set or a checkpoint, checked, compared."""
from collections import Counter
from collections.abc import Mapping, Sequence

from torch.utils.data import Dataset

from mmjtln.domains import SOURCE

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


def tell_apart(names: Sequence[str]) -> tuple[str, ...]:
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
        tuple[str, ...]: The names, see :func:`tell_apart`.

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
    names = tell_apart(names)
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
    return None if names is None else tell_apart(names)


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
