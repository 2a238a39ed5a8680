"""What lies in a journal's files or tables, as whoever steals the disk would read it."""

import sqlite3
from abc import ABC, abstractmethod
from pathlib import Path

import psycopg

from perdure import KeyRing
from tests.engine.places import OnDisk, OnServer, Place, recorded
from tests.engine.shop import find, world
from tests.postgres.schemas import Lend, new_name
from tests.postgres.server import Server


class Stolen(ABC):
    """The store below a place."""

    place: Place

    def crash(self) -> None:
        """From now on the place is what is committed at this moment."""
        self.place = self.place.crashed()

    @abstractmethod
    def everything(self) -> bytes:
        """All that is stored."""

    @abstractmethod
    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """In the store's own language, with %s for values."""


class StolenFile(Stolen):
    place: OnDisk

    def __init__(self, folder: Path) -> None:
        self.place = OnDisk(folder)

    def everything(self) -> bytes:
        """The file, its write-ahead log, and whatever else lies there."""
        path = self.place.path
        return b"".join(found.read_bytes() for found in path.parent.glob(f"{path.name}*"))

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.place.path, isolation_level=None)
        try:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()
        finally:
            connection.close()


class StolenTables(Stolen):
    place: OnServer

    def __init__(self, database: str, lend: Lend = new_name) -> None:
        self.place = OnServer(database, lend)

    def everything(self) -> bytes:
        """Each row of each table; bodies as they are."""
        names = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        found = [str(row) for (name,) in names for row in self.execute(f"SELECT * FROM {name}")]
        bodies = self.execute("SELECT body FROM events")
        return "\n".join(found).encode() + b"".join(bytes(body) for (body,) in bodies)  # type: ignore[call-overload]

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        options = f"-c search_path={self.place.schema}"
        with psycopg.connect(self.place.database, autocommit=True, options=options) as connection:
            found = connection.execute(statement, values)
            return found.fetchall() if found.description else []


class StolenServer(StolenTables):
    """With all that the server has on its disk: tables, indices, and its write-ahead log."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.url())
        self._server = server

    def everything(self) -> bytes:
        self.execute("CHECKPOINT")
        files = [path for path in self._server.data.rglob("*") if path.is_file()]
        return super().everything() + b"".join(path.read_bytes() for path in files)


async def in_flight(stolen: Stolen, ring: KeyRing, *order_ids: str) -> None:
    """Leaves executions that wait for the answer of an activity when their process dies."""
    gate = world.hold("price")
    async with stolen.place.engine(find, keys=ring) as engine:
        for order_id in order_ids:
            await recorded(await engine.start(find, order_id), "ActivityStarted")
        await gate.entered()
        stolen.crash()
    world.release("price")
