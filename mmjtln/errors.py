"""What an option may be: one error for whatever else is given."""
import math
from collections.abc import Collection
from typing import Any


def check_count(value: Any, name: str, where: str, least: int = 1) -> None:
    """Refuse what is no whole number of at least ``least``.

    Args:
        value (object): What was given; a bool is no number.
        name (str): The option, for the message.
        where (str): Whose it is, such as ``'LPFTHook in `custom_hooks`'``.
        least (int): The least that makes sense. Defaults to 1.

    Raises:
        ValueError: Naming option and value.
    """
    if type(value) is not int or value < least:
        raise ValueError(
            f'`{name}` of {where} must be a whole number of at least {least}, '
            f'got {value!r}. Set it to one.')


def check_choice(value: Any, name: str, where: str,
                 choices: Collection[str]) -> None:
    """Refuse what is none of a few words.

    Args:
        value (object): What was given.
        name (str): The option, for the message.
        where (str): Whose it is.
        choices (Collection[str]): The words.

    Raises:
        ValueError: Naming option, value and choices.
    """
    if value not in tuple(choices):
        raise ValueError(
            f'`{name}` of {where} must be one of {", ".join(choices)}, got '
            f'{value!r}. Set it to one.')


def check_real(value: Any, name: str, where: str, low: float = 0.,
               high: float = math.inf, with_low: bool = True,
               with_high: bool = False) -> None:
    """Refuse what is no number between two.

    Args:
        value (object): What was given; a bool or NaN is no number.
        name (str): The option, for the message.
        where (str): Whose it is.
        low (float): The lower bound. Defaults to 0.
        high (float): The upper bound. Defaults to infinity.
        with_low (bool): Whether the lower bound is allowed. Defaults to True.
        with_high (bool): Whether the upper one is. Defaults to False.

    Raises:
        ValueError: Naming option, value and bounds.
    """
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not good or not (low < value < high or (with_low and value == low)
                        or (with_high and value == high)):
        raise ValueError(
            f'`{name}` of {where} must be a number in '
            f'{"[" if with_low else "("}{low:g}, {high:g}'
            f'{"]" if with_high else ")"}, got {value!r}. Set it to one.')
