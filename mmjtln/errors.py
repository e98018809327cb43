"""One form of error: the rule, what was received, and what to set."""
import math
import sys
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any


def refusal(rule: str, found: str, remedy: str,
            kind: type[Exception] = ValueError) -> Exception:
    """Return the error ``<rule>, <found>. <remedy>.``, to be raised.

    Args:
        rule (str): What must hold: ``'A head must have one output a class'``.
        found (str): What was received, as a clause: ``'got 3'``, or ``'but
            `model.lambda_s` is 1'``.
        remedy (str): What to set, as a sentence without its full stop.
        kind (type): Of the error. Defaults to ValueError.
    """
    return told(f'{rule}, {found}. {remedy}.', kind)


def told(text: str, kind: type[Exception] = ValueError) -> Exception:
    """Return an error that says all that its reader needs."""
    error = kind(text)
    vars(error)['told'] = True
    return error


def require(holds: Any, rule: str, found: str, remedy: str,
            kind: type[Exception] = ValueError) -> None:
    """Raise :func:`refusal` unless what must hold does."""
    if not holds:
        raise refusal(rule, found, remedy, kind)


def check_count(value: Any, name: str, where: str, least: int = 1) -> None:
    """Refuse a value that is no whole number, as a bool is none, or too small.

    ``where`` says whose option it is, such as ``'LPFTHook in `custom_hooks`'``
    """
    require(type(value) is int and value >= least,
            f'`{name}` of {where} must be a whole number of at least {least}',
            f'got {value!r}', 'Set it to one')


def check_choice(value: Any, name: str, where: str,
                 choices: Collection[str]) -> None:
    """Refuse a value that is none of a few words, see above."""
    require(value in tuple(choices), f'`{name}` of {where} must be one of '
            f'{", ".join(choices)}', f'got {value!r}', 'Set it to one')


def check_real(value: Any, name: str, where: str, low: float = 0.,
               high: float = math.inf, with_low: bool = True,
               with_high: bool = False) -> None:
    """Refuse a value that is no number in a range; a bool or NaN is none."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    good = good and (low < value < high or (with_low and value == low)
                     or (with_high and value == high))
    require(good, f'`{name}` of {where} must be a number in '
            f'{"[" if with_low else "("}{low:g}, {high:g}'
            f'{"]" if with_high else ")"}', f'got {value!r}', 'Set it to one')


def end_in_words() -> None:
    """Have a tool end without the traceback of what needs none.

    That is Ctrl-C, and an error that is :func:`told`.
    """
    def hook(kind: type[BaseException], error: BaseException,
             traceback: TracebackType | None) -> None:
        if getattr(error, 'told', False):
            print(f'{Path(sys.argv[0]).name}: {error}', file=sys.stderr)
        elif not issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)

    sys.excepthook = hook
