"""Attributes that are checked as they are read from data: a frozen dataclass with one check for each of them."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar, cast

from kometa_host.errors import Problem
from kometa_host.settings.refusals import RefusalError

T = TypeVar("T")
S = TypeVar("S")
# The values of the attributes above one, those that are good, and what else a check has to know.
Known = Mapping[str, Any]
CHECK, DEFAULT = "check", "default"


def variable(check: Callable[[object], T], default: T) -> T:
    """Return an attribute of a dataclass: its check, which raises RefusalError, and its default."""
    return related(lambda value, _: check(value), default)


def related(check: Callable[[object, Known], T], default: T) -> T:
    """Return an attribute whose check sees the attributes above it as well."""
    return field(default_factory=lambda: default, metadata={CHECK: check, DEFAULT: default})


def once(function: Callable[[S], T]) -> Callable[[S], T]:
    """Make a function of an object that never changes work its answer out once for each such object.

    It is kept in the object, as functools.cached_property does: none of its attributes, so in no comparison.
    """

    @wraps(function)
    def known(of: S) -> T:
        memory = vars(of)
        key = f"{function.__module__}.{function.__qualname__}"
        if key not in memory:
            memory[key] = function(of)
        return cast(T, memory[key])

    return known


def default_of(cls: type, name: str) -> Any:
    """Return the default of an attribute, None where there is no such attribute."""
    return next((one.metadata[DEFAULT] for one in fields(cls) if one.name == name), None)


def checked(
    cls: type, data: Mapping[str, object], besides: Known = MappingProxyType({})
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the attributes of a class as they are in data, checked in the order of the class, and every problem.

    Defaults are checked as well: one can be wrong beside another value. What the class does not know is left alone.
    besides: what the checks have to know that is no attribute.
    """
    known: dict[str, Any] = {}
    problems: list[Problem] = []
    for one in fields(cls):
        value = data.get(one.name, one.metadata[DEFAULT])
        try:
            known[one.name] = one.metadata[CHECK](value, ChainMap(known, dict(besides)))
        except RefusalError as refusal:
            problems += (Problem(one.name, *complaint) for complaint in refusal.complaints)
    return known, problems
