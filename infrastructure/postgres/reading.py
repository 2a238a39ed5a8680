"""What the journal and a client's post office read alike: streams and rows, in a thread."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import psycopg

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow
from perdure.infrastructure.joining import Joining
from perdure.infrastructure.postgres import log
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.link import Link
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.translation import translated
from perdure.infrastructure.sealed_texts import opened_rows
from perdure.infrastructure.sealing import Sealer
from perdure.infrastructure.stream import decoded
from perdure.infrastructure.thread import ConnectionThread

T = TypeVar("T")

READ_STREAMS_LIMIT = 500  # in one statement, so that a large read leaves room for others


class Reading:
    """The base of both. Every error of psycopg leaves it as one of a journal."""

    __slots__ = ("_database", "_joined_rows", "_reader", "_sealer", "_statements", "where")

    def __init__(self, database: Database, reader: ConnectionThread[Link], sealer: Sealer) -> None:
        self._sealer = sealer
        self._database = database
        self._statements = Statements(database.schema)
        self._reader = reader
        self._joined_rows: Joining[IndexRow] = Joining()
        self.where = database.shown

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        streams: dict[str, list[Event] | Undecodable] = {}
        wanted = list(dict.fromkeys(execution_ids))
        for start in range(0, len(wanted), READ_STREAMS_LIMIT):
            some = wanted[start : start + READ_STREAMS_LIMIT]
            streams.update(await self._read(partial(self._streams, some)))
        return streams

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        return await self._joined_rows.look_up(execution_ids, self._rows)

    async def _rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        found = await self._read(lambda it: log.select_rows(it, self._statements, execution_ids))
        return {row.execution_id: row for row in opened_rows(found.values(), self._sealer)}

    def _streams(
        self, execution_ids: Sequence[str], connection: Connection
    ) -> dict[str, list[Event] | Undecodable]:
        rows = log.select_streams(connection, self._statements, execution_ids)
        return decoded(rows, self._sealer)

    async def _read(self, job: Callable[[Connection], T]) -> T:
        def patient_job(link: Link) -> T:
            with translated(self.where, "reading"):
                try:
                    return job(link.connection())
                except psycopg.Error as error:
                    if not link.is_lost(error):
                        raise
                    return job(link.connection())  # a read may be done twice

        return await self._reader.run(patient_job)
