"""What a fact makes of a host's answer, where the answer may be nonsense."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TypeVar

from pyinfra.api.exceptions import FactProcessError

from kometa_host.errors import UserError
from kometa_host.state import answers

F = TypeVar("F")
T = TypeVar("T")


def sensible(process: Callable[[F, Iterable[str]], T]) -> Callable[[F, Iterable[str]], T]:
    """Make a fact whose answer makes no sense fail its own host, in words, and no other."""

    @wraps(process)
    def guarded(fact: F, output: Iterable[str]) -> T:
        try:
            with answers.sensible(type(fact).__name__):
                return process(fact, output)
        except UserError as error:
            raise FactProcessError(str(error)) from None

    return guarded
