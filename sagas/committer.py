"""Group commit: one coroutine joins what all executions append into flushes.

It stands above the journal port, so it is the same for every backend. While one flush is under way
the next one gathers. A conflict is isolated by bisecting; a journal that is unavailable keeps the
flush and is tried again; what cannot be stored is told to its execution, which must not go on.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from perdure.domain.errors import (
    EngineStopped,
    JournalError,
    JournalUnavailable,
    LostLease,
    PerdureError,
    VersionConflict,
)
from perdure.domain.journal import FLUSH_BYTES_LIMIT, FLUSH_EVENTS_LIMIT, Journal, Submission
from perdure.domain.mailbox import Settlement
from perdure.domain.sizes import payload_bytes

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0

log = logging.getLogger("perdure")


class Submitter(Protocol):
    """Who appends: hears of each submission, in order, from within the committer's task.

    `gone`: something of it was refused before, and it was dismissed.
    """

    gone: bool

    def stored(self, submission: Submission) -> None:
        """The submission is durable."""
        ...

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        """It is not stored; None means that the id of this start is taken."""
        ...


Pending = tuple[Submission, Submitter]


class Committer:
    """See the module. Submissions of one execution are stored in their order, or not at all."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: deque[Pending] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._closing = False
        self.on_settled: Callable[[Sequence[Settlement]], None] = unheard
        self.on_unsettled: Callable[[Sequence[Settlement], PerdureError], None] = unheard
        self.unavailable: JournalUnavailable | None = None
        self.flushes = 0

    def submit(self, submission: Submission, submitter: Submitter) -> None:
        self._queue.append((submission, submitter))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def close(self) -> None:
        """Lets `run` end once everything submitted is stored."""
        self._closing = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def run(self) -> None:
        """Until `close`."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wake = loop.create_future()
                await self._wake
                self._wake = None
                continue
            batch = self._gather()
            try:
                await self._flush(batch)
            except Exception as bug:  # nothing goes on, and everybody who waits is told
                for submission, submitter in (*batch, *self._queue):
                    stopped = EngineStopped(submission.execution_id, repr(bug))
                    submitter.refused(submission, stopped)
                raise

    def _gather(self) -> list[Pending]:
        queue = self._queue
        batch: list[Pending] = []
        count = size = 0
        while queue:
            recorded = queue[0][0].events
            count += len(recorded)
            size += sum(map(payload_bytes, recorded))
            if batch and (count > FLUSH_EVENTS_LIMIT or size > FLUSH_BYTES_LIMIT):
                break
            batch.append(queue.popleft())
        return batch

    async def _flush(self, batch: Sequence[Pending]) -> None:
        """Stores a batch; when it cannot be, halves it until only the culprits are left.

        What one that is gone had in the queue is refused: by way of what was read from the journal
        since, its stream may be at that very version by now.
        """
        stale = [pending for pending in batch if pending[1].gone]
        if stale:
            for pending in stale:
                submission = pending[0]
                conflict = VersionConflict(submission.execution_id, submission.expected)
                self._refuse([pending], conflict)
            batch = [pending for pending in batch if not pending[1].gone]
            if not batch:
                return
        try:
            stored = await self._append(batch)
        except (JournalUnavailable, LostLease) as error:  # of no single one of them
            self._refuse(batch, error)
        except JournalError as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._flush(batch[:middle])
                await self._flush(batch[middle:])
            else:
                self._refuse(batch, error)
        else:
            for (submission, submitter), accepted in zip(batch, stored, strict=True):
                if accepted:
                    if submission.settles:
                        self.on_settled(submission.settles)
                    submitter.stored(submission)
                else:
                    submitter.refused(submission, None)

    async def _append(self, batch: Sequence[Pending]) -> Sequence[bool]:
        pause = FIRST_PAUSE_SECONDS
        submissions = [submission for submission, _ in batch]
        while True:
            try:
                stored = await self._journal.append(submissions)
            except JournalUnavailable as error:
                if self.unavailable is None:
                    log.error("%s; trying again until it can be stored", error)
                self.unavailable = error
                if self._closing:
                    raise
                await _pause(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                self.unavailable = None
                self.flushes += 1
                return stored

    def _refuse(self, batch: Sequence[Pending], error: JournalError) -> None:
        for submission, submitter in batch:
            submitter.refused(submission, error)
            if submission.settles:
                self.on_unsettled(submission.settles, error)


def unheard(*_: object) -> None:
    """Nobody waits for the settlement of envelopes."""


async def _pause(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, _resolve, over)
    await over


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
