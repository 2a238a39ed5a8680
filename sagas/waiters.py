"""Who waits for the end of which execution, in this process, and who hears that it is parked."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeAlias

from perdure.domain.errors import EngineStopped, ExecutionParked
from perdure.domain.events import Terminal
from perdure.sagas.log_fields import about_execution, escaped

Waiter: TypeAlias = asyncio.Future[Terminal]

REMEMBERED_LIMIT = 10_000  # parked ones; of older ones the hook may hear again

log = logging.getLogger("perdure")


class Waiters:
    """Futures by execution id; each is told once, when the end is durable.

    `on_parked` hears once of each execution that is parked, until it goes on.
    """

    __slots__ = ("_by_id", "_on_parked", "_parked", "_watching")

    def __init__(self, on_parked: Callable[[ExecutionParked], None] | None) -> None:
        self._by_id: dict[str, list[tuple[Waiter, bool]]] = {}
        self._on_parked = on_parked
        self._parked: dict[str, ExecutionParked] = {}
        self._watching: dict[str, list[asyncio.Future[None]]] = {}

    def add(self, execution_id: str, *, raise_when_parked: bool) -> Waiter:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._by_id.setdefault(execution_id, []).append((waiter, raise_when_parked))
        return waiter

    def remove(self, execution_id: str, waiter: Waiter) -> None:
        kept = [entry for entry in self._by_id.get(execution_id, ()) if entry[0] is not waiter]
        if kept:
            self._by_id[execution_id] = kept
        else:
            self._by_id.pop(execution_id, None)

    def has(self, execution_id: str) -> bool:
        """Whether somebody waits for this one."""
        return execution_id in self._by_id

    @property
    def awaited(self) -> list[str]:
        """The ids that somebody waits for."""
        return list(self._by_id)

    def ended(self, execution_id: str, end: Terminal) -> None:
        self.goes_on(execution_id)
        for waiter, _ in self._by_id.pop(execution_id, ()):
            if not waiter.done():
                waiter.set_result(end)

    @property
    def any_watched(self) -> bool:
        """Whether somebody has to hear of changes."""
        return bool(self._watching)

    @contextmanager
    def watching(self, execution_id: str) -> Iterator["asyncio.Future[None]"]:
        """A future that is done once this one has changed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watching = self._watching.setdefault(execution_id, [])
        watching.append(future)
        try:
            yield future
        finally:
            watching.remove(future)
            if not watching:
                self._watching.pop(execution_id, None)

    def changed(self, execution_id: str) -> None:
        """Something of it is stored."""
        for future in self._watching.get(execution_id, ()):
            if not future.done():
                future.set_result(None)

    def parked(self, error: ExecutionParked) -> None:
        execution_id = error.execution_id
        self.changed(execution_id)
        before = self._parked.get(execution_id)
        if before is None or str(before) != str(error):
            self._parked[execution_id] = error
            if len(self._parked) > REMEMBERED_LIMIT:
                del self._parked[next(iter(self._parked))]
            log.warning("%s", escaped(error), extra=about_execution(execution_id))
            if self._on_parked is not None:  # it may raise: not in here
                asyncio.get_running_loop().call_soon(self._on_parked, error)
        for waiter, raise_when_parked in list(self._by_id.get(execution_id, ())):
            if raise_when_parked and not waiter.done():
                waiter.set_exception(error)

    def goes_on(self, execution_id: str) -> None:
        """It is parked no longer."""
        self._parked.pop(execution_id, None)

    @property
    def any_parked(self) -> bool:
        """Whether something was told that may have to be told again."""
        return bool(self._parked)

    def why_parked(self, execution_id: str) -> ExecutionParked | None:
        """What was told of it here, if it is parked."""
        return self._parked.get(execution_id)

    def fail(self, error: Exception) -> bool:
        """Raises this to all who wait for an end or a change. Whether there was anybody.

        For a testing kit, which knows that what they wait for will not come.
        """
        told = [waiter for entries in self._by_id.values() for waiter, _ in entries]
        waiting: list[asyncio.Future[Any]] = [*told, *chain(*self._watching.values())]
        waiting = [future for future in waiting if not future.done()]
        for future in waiting:
            future.set_exception(error)
        return bool(waiting)

    def stop(self, broken_by: str) -> None:
        for execution_id, entries in self._by_id.items():
            for waiter, _ in entries:
                if not waiter.done():
                    waiter.set_exception(EngineStopped(execution_id, broken_by))
        self._by_id.clear()
        for execution_id, watching in self._watching.items():
            for future in watching:
                if not future.done():
                    future.set_exception(EngineStopped(execution_id, broken_by))
