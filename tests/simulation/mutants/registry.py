"""The registry of mutants: by name, how each is made."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias
from unittest.mock import patch

Mutant: TypeAlias = Callable[[], AbstractContextManager[Any]]


class Registry:
    """See the module."""

    def __init__(self) -> None:
        self.made: dict[str, Mutant] = {}

    def mutant(self, make: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
        """Adds one that is written as a generator, under its name in words."""
        self.made[make.__name__.replace("_", " ")] = contextmanager(make)
        return make

    def replaced(self, name: str, owner: Any, attribute: str, value: Any) -> None:
        """Adds one that is but another value."""
        self.made[name] = lambda: patch.object(owner, attribute, value)


def nothing(*_: object, **__: object) -> None:
    """Does not do it."""
