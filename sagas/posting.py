"""Posting: one task joins the envelopes of all callers of a client into transactions.

A transaction whose fate is unknown is tried again with the same envelopes: an id that is there
already stays as it is.
"""

import asyncio
import logging
from collections import deque

from perdure.domain.errors import ClientClosed, JournalUnavailable
from perdure.domain.journal import FLUSH_BYTES_LIMIT
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.domain.post_office import PostOffice
from perdure.sagas.lookout import CLOSED, pause

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
TRIES = 12  # some ten seconds

log = logging.getLogger("perdure")

Pending = tuple[Envelope, "asyncio.Future[None]"]


class Posting:
    """See the module. One for a client."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office
        self._queue: deque[Pending] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def post(self, envelope: Envelope) -> None:
        """Returns when it is durable. Raises JournalUnavailable after some seconds."""
        self._check_open()
        posted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((envelope, posted))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
        await posted

    async def post_within(self, transaction: object, envelope: Envelope) -> None:
        """Returns when it is part of the caller's transaction. Raises as the office does."""
        self._check_open()
        await self._office.post_within(transaction, envelope)

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosed(CLOSED)

    async def close(self) -> None:
        """Posts what was handed in, and takes nothing more. Idempotent."""
        self._closed = True
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._queue:
            batch = self._gather()
            try:
                await self._post([envelope for envelope, _ in batch])
            except Exception as error:  # to whoever waits: nobody else would hear of it
                for _, posted in batch:
                    if not posted.done():
                        posted.set_exception(error)
            else:
                for _, posted in batch:
                    if not posted.done():
                        posted.set_result(None)

    def _gather(self) -> list[Pending]:
        batch, size = [self._queue.popleft()], 0
        while self._queue and len(batch) < OPEN_PAGE:
            size += len(self._queue[0][0].body)
            if size > FLUSH_BYTES_LIMIT:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _post(self, envelopes: list[Envelope]) -> None:
        seconds = FIRST_PAUSE_SECONDS
        for _ in range(TRIES):
            try:
                return await self._office.post(envelopes)
            except JournalUnavailable as error:
                if self._closed:
                    raise
                log.warning("%s; posting again", error)
                await asyncio.wait([pause(seconds)])
                seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
        return await self._office.post(envelopes)
