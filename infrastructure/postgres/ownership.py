"""Ownership: the lease of this process, kept by renewing, lost by the clock, and taken again.

The lease is over for us a third of its time before it is for the database: whatever was begun in
the last moment is done when somebody else may take over. Appends prove it anyway.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import psycopg

from perdure.domain.errors import JournalError, JournalUnavailable, LostLease
from perdure.infrastructure.clock import ServerClock, SteadyClock
from perdure.infrastructure.news import News, resolve
from perdure.infrastructure.postgres import lease, neighbour, schema
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.ear import Ear, hint
from perdure.infrastructure.postgres.lease import Occupied
from perdure.infrastructure.postgres.link import Link
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.renewing import Renewing
from perdure.infrastructure.postgres.tenure import Tenure
from perdure.infrastructure.postgres.translation import translated
from perdure.infrastructure.postgres.watch import Watch
from perdure.infrastructure.thread import ConnectionThread

T = TypeVar("T")

TOLD_SECONDS = 15.0
AGAIN_SECONDS = 0.5
NEIGHBOUR_SECONDS = 0.1
LOOKS = 15  # at the lease, in its time

log = logging.getLogger("perdure")


class Ownership:
    """Made by `open`, which returns once the shards are ours. Implements domain.lease.Lease."""

    def __init__(
        self,
        database: Database,
        thread: ConnectionThread[Link],
        lease_seconds: float,
        *,
        seals: bool,
    ) -> None:
        self._database = database
        self._statements = Statements(database.schema)
        self._thread = thread
        self._seconds = lease_seconds
        self._seals = seals
        self._tenure: Tenure | None = None
        self._last = ""  # the runner that we were before, whose lease may have to run out
        self._renewing: Renewing | None = None
        self._loop = asyncio.get_running_loop()
        self._keeping: asyncio.Task[None] | None = None
        self._woken: asyncio.Future[None] | None = None
        self._news = News()
        self._now = SteadyClock().seconds
        self.clock = ServerClock()

    @classmethod
    async def open(cls, database: Database, lease_seconds: float, *, seals: bool) -> "Ownership":
        """Makes the journal if there is none, and waits for its shards."""

        def prepare(connection: Connection) -> None:
            schema.create(connection, database)
            schema.check(connection, database.shown, database.schema)
            connection.silence_seconds = lease_seconds  # to make tables may take longer

        thread: ConnectionThread[Link] = ConnectionThread(f"{database.shown} (lease)")
        await thread.start(lambda: Link(database, "lease", prepare).opened())
        ownership = cls(database, thread, lease_seconds, seals=seals)
        try:
            await ownership._take()
            await ownership._news.heard()  # that is none: nobody works on it yet
        except BaseException:
            await thread.close()
            raise
        ownership._keeping = ownership._loop.create_task(ownership._keep())
        return ownership

    @property
    def held(self) -> bool:
        """Whether the shards are ours for sure; asked right before anything is done outside."""
        renewing = self._renewing
        return renewing is not None and self._now() < renewing.until

    async def changed(self) -> None:
        await self._news.heard()

    def tenure(self) -> Tenure:
        """What an append proves. Raises LostLease."""
        tenure = self._tenure
        if tenure is None or not self.held:
            raise LostLease(
                f"{self._database.shown}: the lease could not be renewed in time; nothing is "
                "appended until it is taken again"
            )
        return tenure

    def lost(self) -> None:
        """An append was refused: somebody else owns them."""
        self._lose("an append was refused")

    async def _take(self) -> None:
        """Returns once they are ours."""
        free, ear, told, watch = News(), None, 0.0, Watch()
        try:
            while True:
                begun = self._now()
                try:
                    taken = await self._run(partial(self._enter, watch.silent(begun)))
                except JournalUnavailable:
                    if ear is None:
                        raise
                    await self._wait(AGAIN_SECONDS)  # it was there before, and may come back
                    continue
                if isinstance(taken, Tenure):
                    self._tenure, self._last = taken, taken.runner
                    self._renewing = Renewing(
                        self._database,
                        taken.runner,
                        self._seconds,
                        begun=begun,
                        now=self._now,
                        clock=self.clock,
                    )
                    self._news.tell()
                    return
                watch.saw(taken, self._now())
                if ear is None:
                    ear = Ear(self._database, ("lease",), lambda _: free.tell())
                if taken.runner != self._last and (begun - told >= TOLD_SECONDS or not told):
                    told = begun
                    log.warning(
                        "%s: somebody else (%s) owns the journal; waiting for its end",
                        self._database.shown,
                        taken.place,
                    )
                pause = min(taken.seconds, watch.left(self._now()), self._seconds)
                await self._until_free(taken, free, max(0.05, pause))
        finally:
            if ear is not None:
                ear.close()

    async def _until_free(self, taken: Occupied, free: News, seconds: float) -> None:
        """So long, or until told that they are free, or until a neighbour is gone."""
        end = self._now() + seconds
        while (left := end - self._now()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, NEIGHBOUR_SECONDS)):
                    await free.heard()
                    return
            if taken.process is not None and neighbour.is_gone(taken.process):
                return

    def _enter(self, given_up: Occupied | None, connection: Connection) -> Tenure | Occupied:
        self.clock.told(lease.now(connection))
        where, name = self._database.shown, self._database.schema
        schema.admit(connection, where, name, seals=self._seals)  # each time: others may add keys
        return lease.take(connection, self._statements, self._seconds, where, given_up=given_up)

    async def _keep(self) -> None:
        """Tells of the loss of the lease, and takes it again; until cancelled."""
        told = -TOLD_SECONDS
        while True:
            renewing, now = self._renewing, self._now()
            if renewing is not None:
                if renewing.over:
                    self._lose("it had ended")
                elif now >= renewing.until:
                    why = f": {renewing.trouble}" if renewing.trouble else ""
                    self._lose(f"it could not be renewed in time{why}")
                else:
                    await self._wait(min(renewing.until - now, self._seconds / LOOKS))
                continue
            try:
                await self._take()
            except JournalError as error:
                if now - told >= TOLD_SECONDS:
                    told = now
                    log.warning("%s; tried again until the lease can be taken", error)
                await self._wait(min(AGAIN_SECONDS, self._seconds / 10))

    async def _wait(self, seconds: float) -> None:
        """So long, or until the lease is lost."""
        self._woken = self._loop.create_future()
        timer = self._loop.call_later(seconds, resolve, self._woken)
        try:
            await self._woken
        finally:
            timer.cancel()

    def _lose(self, why: str) -> None:
        if self._tenure is not None:
            self._stop_renewing()
            log.error("%s: the lease is lost: %s", self._database.shown, why)
            self._news.tell()
            if self._woken is not None:
                resolve(self._woken)

    def _stop_renewing(self) -> None:
        renewing, self._renewing, self._tenure = self._renewing, None, None
        if renewing is not None:
            renewing.close()

    async def _run(self, job: Callable[[Connection], T]) -> T:
        def translated_job(link: Link) -> T:
            with translated(self._database.shown, "holding the lease"):
                return job(link.connection())

        return await self._thread.run(translated_job)

    def abandon(self) -> None:
        """Lets the lease run out: nobody is there any more who could close it."""
        if self._renewing is not None:
            self._renewing.close()
        if self._keeping is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._keeping.cancel)
        self._thread.stop()

    async def close(self) -> None:
        """Gives them up, at once for whoever waits. Idempotent."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])
        tenure = self._tenure
        self._stop_renewing()
        if tenure is not None:

            def job(connection: Connection) -> None:
                lease.leave(connection, self._statements, tenure.runner)
                hint(connection, self._database.schema, "lease")

            with suppress(JournalError, psycopg.Error, TimeoutError):  # it ends by itself then
                async with asyncio.timeout(self._seconds / 3):
                    await self._run(job)
        with suppress(TimeoutError):  # its thread ends by itself, when the server has been silent
            async with asyncio.timeout(self._seconds / 3):
                await self._thread.close()
