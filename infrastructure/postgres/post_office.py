"""A journal's database as clients have it: a thread that posts, a thread that reads, no lease.

An engine may run on it, now or later, anywhere. A post is followed by a hint to it; its hints come
back to those who wait.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from perdure.domain.mailbox import Envelope
from perdure.infrastructure.news import News
from perdure.infrastructure.postgres import mailbox, schema
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.ear import CONNECTED, Ear, channel, hint
from perdure.infrastructure.postgres.link import Link
from perdure.infrastructure.postgres.reading import Reading
from perdure.infrastructure.postgres.translation import translated
from perdure.infrastructure.sealed_texts import (
    opened_envelopes,
    opened_replies,
    sealed_envelopes,
)
from perdure.infrastructure.sealing import PLAIN, Sealer
from perdure.infrastructure.thread import ConnectionThread
from perdure.infrastructure.within import POST, Dialect, check_posted, execute_within, values_of

LOOK_SECONDS = 1.0  # without a hint
NEVER = float("-inf")
VISIT_SECONDS = 10.0  # how often an engine is told that somebody waits


def commits_by_itself(driver: Any) -> bool:
    """Of a connection of psycopg, or of what SQLAlchemy puts over an async one of any driver."""
    begun = hasattr(driver, "info") and driver.info.transaction_status != TransactionStatus.IDLE
    return bool(driver.autocommit) and not begun


DIALECT = Dialect("postgresql", commits_by_itself)


class PostgresPostOffice(Reading):
    """Made by `open`."""

    __slots__ = ("_ear", "_journal_id", "_news", "_sender", "_visited")

    def __init__(
        self,
        database: Database,
        reader: ConnectionThread[Link],
        sender: ConnectionThread[Link],
        sealer: Sealer,
    ) -> None:
        super().__init__(database, reader, sealer)
        self._sender = sender
        self._news = News()
        self._ear: Ear | None = None
        self._journal_id: str | None = None
        self._visited = NEVER

    @classmethod
    async def open(cls, database: Database, *, sealer: Sealer = PLAIN) -> "PostgresPostOffice":
        """Opens the database, and makes a journal in it if there is none yet."""

        def prepare(connection: Connection) -> None:
            schema.create(connection, database)
            schema.check(connection, database.shown, database.schema)
            schema.admit(connection, database.shown, database.schema, seals=sealer.seals)

        where = database.shown
        sender: ConnectionThread[Link] = ConnectionThread(f"{where} (client, posting)")
        reader: ConnectionThread[Link] = ConnectionThread(f"{where} (client)")
        with translated(where, "opening"):
            await sender.start(lambda: Link(database, "client", prepare).opened())
            try:
                await reader.start(lambda: Link(database, "client reading").connected())
            except BaseException:
                await sender.close()
                raise
        return cls(database, reader, sender, sealer)

    async def post(self, envelopes: Sequence[Envelope]) -> None:
        def job(link: Link) -> None:
            with translated(self.where, "posting"):
                connection = link.connection()
                sealed = sealed_envelopes(envelopes, self._sealer)
                mailbox.insert(connection, self._statements, sealed)
                with suppress(psycopg.Error):  # it is stored, and found without a hint too
                    hint(connection, self._database.schema, "mail")

        await self._sender.run(job)

    async def post_within(self, transaction: object, envelope: Envelope) -> None:
        if self._journal_id is None:
            self._journal_id = await self._read(
                lambda it: schema.journal_id(it, self._database.schema)
            )
        tables = {
            name: sql.Identifier(self._database.schema, name).as_string(None)
            for name in ("mailbox", "journal")
        }
        values = values_of(envelope, self._journal_id)
        done = await execute_within(transaction, DIALECT, POST.format(**tables), values)
        check_posted(done, self.where)
        # In the same transaction too: so it is heard when there is something to see.
        names = {"channel": channel(self._database.schema, "mail")}
        await execute_within(transaction, DIALECT, "SELECT pg_notify(:channel, '')", names)

    async def replies(self, envelopes: Sequence[Envelope]) -> Mapping[str, bytes]:
        found = await self._read(lambda it: mailbox.select_replies(it, self._statements, envelopes))
        return opened_replies(found, envelopes, self._sealer)

    async def waiting(self, execution_id: str) -> Sequence[Envelope]:
        found = await self._read(
            lambda it: mailbox.select_waiting(it, self._statements, execution_id)
        )
        return opened_envelopes(found, self._sealer)

    async def changed(self) -> None:
        loop = asyncio.get_running_loop()
        if self._ear is None:
            self._ear = Ear(self._database, ("news", "call"), self._heard)
        if loop.time() - self._visited > VISIT_SECONDS:
            self._visited = loop.time()

            def visit(link: Link) -> None:
                with suppress(psycopg.Error):
                    hint(link.connection(), self._database.schema, "mail")

            await self._sender.run(visit)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.heard()

    def _heard(self, kind: str) -> None:
        if kind in ("call", CONNECTED):  # an engine asks who waits, or may have asked before
            self._visited = NEVER
        self._news.tell()

    async def close(self) -> None:
        if self._ear is not None:
            self._ear.close()
        try:
            await self._reader.close()
        finally:
            await self._sender.close()
