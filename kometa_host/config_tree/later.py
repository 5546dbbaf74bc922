"""A mapping that is made when somebody looks into it: of 50,000 files, which a run that changes nothing never does."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

V = TypeVar("V")


class Later(Mapping[str, V]):
    """A mapping of which some is known at once."""

    def __init__(self, make: Callable[[], Mapping[str, V]], known: Mapping[str, V] | None = None) -> None:
        """Given what makes all of it, and what it will hold in any case, wait until more is asked for."""
        self._make, self._known = make, known or {}

    @cached_property
    def _all(self) -> Mapping[str, V]:
        return {**self._make(), **self._known}

    def __getitem__(self, name: str) -> V:
        return self._known[name] if name in self._known else self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
