"""Joined lookups: what is asked for while one is under way goes together into the next.

After a start a thousand callers ask for a row each; one statement answers them all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")


class Joining(Generic[V]):
    """For one event loop. Each lookup is begun after it was asked for: it sees what was before."""

    __slots__ = ("_next", "_turn", "_wanted")

    def __init__(self) -> None:
        self._wanted: dict[str, None] = {}
        self._next: asyncio.Task[Mapping[str, V]] | None = None
        self._turn = asyncio.Lock()

    async def look_up(
        self, names: Sequence[str], read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]
    ) -> dict[str, V]:
        """What `read` finds of these, always the same one. Raises what it raises."""
        self._wanted.update(dict.fromkeys(names))
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._look(read))
            self._next.add_done_callback(heard)
        found = await asyncio.shield(self._next)  # whoever is cancelled cancels nobody else's
        return {name: found[name] for name in names if name in found}

    async def _look(
        self, read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]
    ) -> Mapping[str, V]:
        async with self._turn:
            wanted, self._wanted, self._next = self._wanted, {}, None
            return await read(list(wanted))


def heard(task: "asyncio.Task[Mapping[str, V]]") -> None:
    """Whether it failed is told to those who asked; if all of them have left, to nobody."""
    if not task.cancelled():
        task.exception()
