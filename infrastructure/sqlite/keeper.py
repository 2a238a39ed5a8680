"""The keeper of a journal in a SQLite file. Nobody there is to be given rights."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from perdure.domain.errors import NotAJournal
from perdure.infrastructure import unfinished
from perdure.infrastructure.clock import SystemClock
from perdure.infrastructure.errors import BadAddress
from perdure.infrastructure.keeping import Finding, Migration, failed, ok, warning
from perdure.infrastructure.sqlite import schema
from perdure.infrastructure.sqlite.connection import connect_sender, connect_visitor
from perdure.infrastructure.sqlite.lock import EngineLock
from perdure.infrastructure.sqlite.translation import translated
from perdure.infrastructure.unfinished import Work, bytes_written

LOW_BYTES = 1 << 30
RESTORE = "copy the file and its -wal, then restore a backup: docs/how_to/restore_a_backup.md"
GAPS = """
    SELECT execution_id FROM events GROUP BY shard, execution_id
    HAVING min(version) > 1 OR max(version) - min(version) + 1 <> count(*)
"""


class SQLiteKeeper:
    """Implements perdure.infrastructure.keeping.Keeper."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def migrate(self, roles: Sequence[str] = ()) -> Migration:
        self._refuse(roles)
        before = self._version()
        if before in schema.MIGRATIONS:
            self._migrate(before)
        connect_sender(self._path, "full", seals=None).close()  # makes it, or checks it
        return Migration(before, schema.SCHEMA_VERSION)

    def planned(self, roles: Sequence[str] = ()) -> Migration:
        self._refuse(roles)
        version = self._version()
        if version in schema.MIGRATIONS:
            parts = ("BEGIN EXCLUSIVE", *schema.migration(version), "COMMIT")
            sql = "".join(f"{each};\n" for each in parts)
            return Migration(version, schema.SCHEMA_VERSION, sql)
        if version:
            connect_visitor(self._path).close()
            return Migration(schema.SCHEMA_VERSION, schema.SCHEMA_VERSION)
        return Migration(0, schema.SCHEMA_VERSION, schema.script())

    def examine(self, *, everything: bool = False) -> list[Finding]:
        path = self._path
        if not schema.check_header(path):
            raise schema.nothing_there(path)
        with closing(self._visit()) as connection, translated(path, "examining"):
            found = [*whole(connection, everything=everything)]
            try:
                schema.check(connection, path)
            except NotAJournal as error:
                return [*found, failed("schema version", "not as it has to be", str(error))]
            found.append(ok("schema version", str(schema.SCHEMA_VERSION)))
            found += contents(connection, path, everything=everything)
        return found

    def begin_anew(self) -> str:
        if not schema.check_header(self._path):
            raise schema.nothing_there(self._path)
        lock = EngineLock(self._path)  # an engine of before would hold it: raises JournalInUse
        try:
            connect_visitor(self._path).close()
        finally:
            lock.release()
        return "no engine has the file open, so nobody is to be fenced"

    def _visit(self) -> sqlite3.Connection:
        """A connection that looks, at a file that is damaged too."""
        try:
            return connect_visitor(self._path)
        except NotAJournal:
            return sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)

    def _version(self) -> int:
        if not schema.check_header(self._path):
            return 0
        with translated(self._path, "examining"), closing(self._visit()) as connection:
            return schema.version_of(connection)

    def _migrate(self, before: int) -> None:
        """In one transaction, while no engine has the file: raises JournalInUse."""
        lock = EngineLock(self._path)
        try:
            with (
                translated(self._path, "migrating"),
                closing(sqlite3.connect(self._path, isolation_level=None)) as connection,
            ):
                connection.execute("BEGIN EXCLUSIVE")
                if schema.version_of(connection) == before:  # nobody was first
                    for statement in schema.migration(before):
                        connection.execute(statement)
                connection.execute("COMMIT")
        finally:
            lock.release()

    def _refuse(self, roles: Sequence[str]) -> None:
        if roles:
            raise BadAddress(f"{self._path}: a file knows no roles; its rights are the system's")


def whole(connection: sqlite3.Connection, *, everything: bool) -> Iterator[Finding]:
    """The file itself. With `everything` its indexes are compared with the rows."""
    check = "integrity_check" if everything else "quick_check"
    try:
        [(told,), *_] = connection.execute(f"PRAGMA {check}(1)").fetchall()
    except sqlite3.DatabaseError as error:
        told = str(error)
    yield ok("file", f"whole ({check})") if told == "ok" else failed("file", told, RESTORE)


def contents(connection: sqlite3.Connection, path: Path, *, everything: bool) -> Iterator[Finding]:
    [(mode,)] = connection.execute("PRAGMA journal_mode").fetchall()
    if mode == "wal":
        yield ok("journal mode", mode)
    else:
        yield warning("journal mode", mode, "open an engine on it, which sets it to wal")
    yield holder(path)
    work = Work.of(lambda statement: connection.execute(statement.format(schema="")).fetchall())
    yield from unfinished.told(work, SystemClock().now())
    if everything:
        gaps = connection.execute(GAPS).fetchall()
        if gaps:
            yield failed("streams", f"gaps in {len(gaps):,}, as in {gaps[0][0]}", RESTORE)
        else:
            yield ok("streams", "no gap in all executions")
    yield from room(path)


def holder(path: Path) -> Finding:
    """By what the lock's file says, and whether that process lives: trying it might be in the way
    of an engine that opens right now.
    """
    try:
        told = path.with_name(path.name + ".engine").read_text().strip()
        number = int(told.removeprefix("process "))
    except (OSError, ValueError):
        return ok("lock", "no engine has had it")
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return ok("lock", f"free; the last engine was {told}")
    except PermissionError:
        return ok("lock", f"{told} lives, and is another user's")
    return ok("lock", f"{told} has it, or had it and still lives")


def room(path: Path) -> Iterator[Finding]:
    files = [path, path.with_name(path.name + "-wal")]
    size = sum(each.stat().st_size for each in files if each.exists())
    yield ok("size on disk", bytes_written(size))
    free = shutil.disk_usage(path.parent).free
    if free < max(LOW_BYTES, size // 10):
        yield warning("free space", bytes_written(free), "free some: a full disk stops the engine")
    else:
        yield ok("free space", bytes_written(free))
