"""Reading class names as words."""
import re

# Between lower and upper case, and before the last capital of an acronym.
_HUMPS = re.compile(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])')
_OR = re.compile(r',|/| - ')
# As _HUMPS, but "iPod" and "McDonald" stay whole.
_LONG_HUMPS = re.compile(r'(?<=[a-z0-9]{3})(?=[A-Z])')
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def synonyms(name: str) -> list[str]:
    """Split a class name into the names it gives.

    At commas as ImageNet has them (``'tench, Tinca tinca'``), at slashes
    (``'T-shirt/top'``) and at hyphens between blanks (``'0 - zero'``).
    """
    return [part.strip() for part in _OR.split(name) if part.strip()]


def words(phrase: str) -> list[str]:
    """Split a phrase into words.

    At anything but letters, digits and inner apostrophes, and at the humps of
    CamelCase: ``'TennisBall'``, ``'tennis_ball'`` and ``'tennis-ball'`` are
    the same two words.
    """
    return _WORD.findall(_HUMPS.sub(' ', phrase))


def spellings(phrase: str) -> list[str]:
    """Ways a vocabulary may write a phrase or a word, likeliest first."""
    parts = words(phrase)
    forms = [phrase] + [glue.join(parts) for glue in ('_', '-', ' ', '')]
    cased = [
        way(form) for way in (str, str.lower, str.capitalize, str.title,
                              str.upper) for form in forms
    ]
    return list(dict.fromkeys(form for form in cased if form))


def readable(name: str) -> str:
    """Write a name as it would stand in a sentence.

    Underscores become blanks, and a name without blanks is split at its humps:
    ``'TennisBall'`` and ``'tennis_ball'`` read ``'Tennis Ball'`` and
    ``'tennis ball'``.
    """
    name = name.replace('_', ' ').strip()
    return name if ' ' in name else _LONG_HUMPS.sub(' ', name)
