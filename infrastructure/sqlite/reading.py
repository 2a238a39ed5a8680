"""What the journal and a client's post office read alike: streams and rows, in a thread."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow
from perdure.infrastructure.joining import Joining
from perdure.infrastructure.sealed_texts import opened_rows
from perdure.infrastructure.sealing import Sealer
from perdure.infrastructure.sqlite import log
from perdure.infrastructure.sqlite.translation import translated
from perdure.infrastructure.stream import decoded
from perdure.infrastructure.thread import ConnectionThread

T = TypeVar("T")

READ_STREAMS_LIMIT = 500  # in one statement, so that a large read leaves room for others


class Reading:
    """The base of both. Every error of SQLite leaves it as one of a journal."""

    __slots__ = ("_joined_rows", "_reader", "_sealer", "path")

    def __init__(
        self, path: Path, reader: ConnectionThread[sqlite3.Connection], sealer: Sealer
    ) -> None:
        self.path = path
        self._joined_rows: Joining[IndexRow] = Joining()
        self._sealer = sealer
        self._reader = reader

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        streams: dict[str, list[Event] | Undecodable] = {}
        wanted = list(dict.fromkeys(execution_ids))
        for start in range(0, len(wanted), READ_STREAMS_LIMIT):
            job = partial(self._streams, wanted[start : start + READ_STREAMS_LIMIT])
            streams.update(await self._read(job))
        return streams

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        return await self._joined_rows.look_up(execution_ids, self._rows)

    async def _rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        found = await self._read(lambda connection: log.select_rows(connection, execution_ids))
        return {row.execution_id: row for row in opened_rows(found.values(), self._sealer)}

    def _streams(
        self, execution_ids: Sequence[str], connection: sqlite3.Connection
    ) -> dict[str, list[Event] | Undecodable]:
        return decoded(log.select_streams(connection, execution_ids), self._sealer)

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        def translated_job(connection: sqlite3.Connection) -> T:
            with translated(self.path, "reading"):
                return job(connection)

        return await self._reader.run(translated_job)
