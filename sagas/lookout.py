"""The lookout of a client: waits for replies and for changes of executions, for all at once.

One task asks the journal whenever that has changed, with one query for all; it runs only while
somebody waits.
"""

import asyncio
import logging
from collections.abc import Iterator

from perdure.domain.errors import ClientClosed, JournalUnavailable
from perdure.domain.journal import IndexRow
from perdure.domain.mailbox import Envelope
from perdure.domain.post_office import PostOffice

PAUSE_SECONDS = 0.5
CLOSED = "the client is closed; what it has posted stands: connect again to see"

log = logging.getLogger("perdure")


class Lookout:
    """See the module. One for a client."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office
        self._replies: dict[str, tuple[Envelope, list[asyncio.Future[bytes]]]] = {}
        self._rows: dict[str, dict[asyncio.Future[None], IndexRow | None]] = {}
        self._ticks: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.looks = 0  # so far

    async def reply(self, envelope: Envelope) -> bytes:
        """The reply to this envelope, once there is one."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        _, waiting = self._replies.setdefault(envelope.id, (envelope, []))
        waiting.append(future)
        try:
            self._watch()
            found = await self._office.replies([envelope])
            return found[envelope.id] if found else await future
        finally:
            waiting.remove(future)
            if not waiting:
                self._replies.pop(envelope.id, None)

    async def row(self, execution_id: str, seen: IndexRow | None) -> IndexRow | None:
        """The index row of this execution, once it is another one than was seen."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._rows.setdefault(execution_id, {})
        waiting[future] = seen
        try:
            self._watch()
            while True:
                row = (await self._office.rows([execution_id])).get(execution_id)
                if row != seen:
                    return row
                await future
                waiting.pop(future)
                future = asyncio.get_running_loop().create_future()
                waiting[future] = seen
        finally:
            waiting.pop(future, None)
            if not waiting and self._rows.get(execution_id) is waiting:
                del self._rows[execution_id]

    async def tick(self, looks: int) -> None:
        """Returns when anything in the journal may have changed since there were so many looks."""
        if self.looks != looks:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ticks.add(future)
        try:
            self._watch()
            await future
        finally:
            self._ticks.discard(future)

    async def close(self) -> None:
        """Tells everybody who waits. Idempotent."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._tell(ClientClosed(CLOSED))

    def _watch(self) -> None:
        if self._closed:
            raise ClientClosed(CLOSED)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watching())

    async def _watching(self) -> None:
        try:
            while self._replies or self._rows or self._ticks:
                try:
                    await self._office.changed()
                    await self._look()
                except JournalUnavailable as error:
                    log.warning("%s; looked at again soon", error)
                    await asyncio.wait([pause(PAUSE_SECONDS)])
        except Exception as error:  # to everybody who waits: nobody else would hear of it
            self._tell(error)

    async def _look(self) -> None:
        self.looks += 1
        for tick in self._ticks:
            resolve(tick)
        if self._replies:
            found = await self._office.replies([one for one, _ in self._replies.values()])
            for name, reply in found.items():
                _, told_of_it = self._replies.get(name, (None, []))
                for told in told_of_it:
                    if not told.done():
                        told.set_result(reply)
        if self._rows:
            rows = await self._office.rows(list(self._rows))
            for name, waiting in list(self._rows.items()):
                for future, seen in waiting.items():
                    if rows.get(name) != seen:
                        resolve(future)

    def _tell(self, error: Exception) -> None:
        for future in self._everybody():
            if not future.done():
                future.set_exception(error)

    def _everybody(self) -> "Iterator[asyncio.Future[bytes] | asyncio.Future[None]]":
        for _, replies in self._replies.values():
            yield from list(replies)
        for waiting in self._rows.values():
            yield from list(waiting)
        yield from list(self._ticks)


def resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def pause(seconds: float) -> "asyncio.Future[None]":
    """Done after so many seconds."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, resolve, over)
    return over
