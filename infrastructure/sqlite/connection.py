"""Connections to a journal's file: one that writes, one that reads, each for one thread."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from perdure.domain.errors import JournalError, JournalUnavailable
from perdure.infrastructure.sqlite import flush, schema
from perdure.infrastructure.sqlite.translation import translated

Synchronous = Literal["full", "normal"]

OLDEST_SQLITE = (3, 37)  # STRICT tables
TRY_SECONDS = 0.0002
BUSY_SECONDS = 5.0  # nobody else writes, but a backup or a shell may lock for a moment

# A checkpoint copies what was written from the WAL into the file, in the writer's commit. At 8,000
# pages (32 MB) it is rare and joins many writes of a page (at 1,000: 78,000 events a second, 4,000:
# 93,000, 16,000: 107,000), and still short: 20 ms on a fast disk. A thread of its own for it gained
# nothing.
CHECKPOINT_PAGES = 8_000


def connect_writer(path: Path, synchronous: Synchronous, *, seals: bool) -> sqlite3.Connection:
    """The connection that writes; makes the journal if the file is empty or missing."""

    def set_up(connection: sqlite3.Connection) -> None:
        schema.create(connection, path)
        schema.check(connection, path)
        set_up_writing(connection, path, synchronous)
        flush.prepare(connection)
        # A file that may not be written is opened as one to read; only a write tells.
        connection.execute("UPDATE journal SET shards = shards WHERE FALSE")
        schema.admit(connection, path, seals=seals)

    return checked(path, f"{path.as_uri()}?mode=rwc", set_up)


def connect_sender(
    path: Path, synchronous: Synchronous, *, seals: bool | None
) -> sqlite3.Connection:
    """The connection of a client that posts; makes the journal if the file is empty or missing.

    `seals`: whether it encrypts; None for one that posts nothing.
    """

    def set_up(connection: sqlite3.Connection) -> None:
        if schema.application_of(connection) != schema.APPLICATION_ID:
            schema.create(connection, path)
        schema.check(connection, path)
        set_up_writing(connection, path, synchronous)
        connection.execute("PRAGMA busy_timeout = 0")
        begin(connection)  # only that tells whether the file may be written
        if seals is not None:
            schema.admit(connection, path, seals=seals)
        connection.execute("COMMIT")

    return checked(path, f"{path.as_uri()}?mode=rwc", set_up)


def begin(connection: sqlite3.Connection) -> None:
    """Begins to write as a client does: as soon as nobody else does.

    An engine that is busy lets others in for half a millisecond at a time; SQLite's own waiting
    sleeps past that.
    """
    patiently(connection, "BEGIN IMMEDIATE")


def patiently(connection: sqlite3.Connection, statement: str) -> sqlite3.Cursor:
    """Executes it as soon as nobody is in the way."""
    never = threading.Event()
    for _ in range(round(BUSY_SECONDS / TRY_SECONDS / 2)):
        try:
            return connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            never.wait(TRY_SECONDS)
    return connection.execute(statement)


def set_up_writing(connection: sqlite3.Connection, path: Path, synchronous: Synchronous) -> None:
    """What a connection needs that commits; the file is in write-ahead mode then."""
    # Changed once, right after the file was made. SQLite waits for nobody with that, since two who
    # read and want to change it would wait for each other.
    [mode] = patiently(connection, "PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalUnavailable(
            f"{path}: its file system allows no write-ahead log (journal mode stays {mode}); "
            "put the journal on a local disk"
        )
    full = synchronous == "full"
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA fullfsync = {'ON' if full else 'OFF'}")  # macOS
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def connect_reader(path: Path) -> sqlite3.Connection:
    """The connection of an engine's reads, beside its writer."""
    return checked(path, f"{path.as_uri()}?mode=ro")


def connect_visitor(path: Path) -> sqlite3.Connection:
    """A connection to look at a journal, whether an engine has it open or not."""
    try:
        return connect_reader(path)
    except JournalUnavailable as error:
        if schema.unfinished(path):
            raise JournalUnavailable(
                f"{path}: its making was interrupted; it is a journal once an engine opens it"
            ) from error
        wal = path.with_name(path.name + "-wal")
        if not needs_a_file(error) or (wal.exists() and wal.stat().st_size > 0):
            raise
        # In a folder that may not be written, where SQLite cannot make its index of the WAL. There
        # is no WAL, so nobody has the journal open, and it may be read as a file that stays as is.
        return checked(path, f"{path.as_uri()}?mode=ro&immutable=1")


def needs_a_file(error: JournalUnavailable) -> bool:
    """Whether SQLite could not open or make a file beside the journal's."""
    code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def checked(
    path: Path, uri: str, set_up: Callable[[sqlite3.Connection], None] | None = None
) -> sqlite3.Connection:
    """A connection to a journal of this version; `set_up` is what makes and checks it first."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise JournalError(
            f"{path}: SQLite {sqlite3.sqlite_version} is too old, 3.37 is needed; use a newer "
            "Python, or one that is linked to a newer SQLite"
        )
    with translated(path, "opening"):
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            if set_up is None:
                schema.check(connection, path)
            else:
                set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection
