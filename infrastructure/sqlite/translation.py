"""What SQLite says, as errors of ours: the file, what happened, and what to do next."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.domain.errors import JournalUnavailable
from perdure.infrastructure.errors import DamagedJournal

NEXT_STEP_WHEN_FOREIGN = "the file was left as it is; give the address of a journal or a new file"

RIGHTS = "check that the file and its folder exist, and their rights"
HOLDER = "find and end what holds the file open"

# By primary result code: what happened, and the next step.
UNAVAILABLE = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space"),
    sqlite3.SQLITE_READONLY: (
        "it cannot be written",
        RIGHTS,
    ),
    sqlite3.SQLITE_IOERR: ("reading or writing failed", "check the disk, then its free space"),
    sqlite3.SQLITE_BUSY: ("another process has locked it", HOLDER),
    sqlite3.SQLITE_LOCKED: ("it is locked", HOLDER),
    sqlite3.SQLITE_PROTOCOL: ("it is locked", HOLDER),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        RIGHTS,
    ),
    sqlite3.SQLITE_PERM: ("access is denied", RIGHTS),
    sqlite3.SQLITE_AUTH: ("access is denied", RIGHTS),
    sqlite3.SQLITE_NOMEM: ("memory ran out", "give the process more, or run fewer at once"),
}
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Raises JournalUnavailable or DamagedJournal for what SQLite raises within."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in UNAVAILABLE:
            what, next_step = UNAVAILABLE[code]
            raise JournalUnavailable(
                f"{path}: {what} ({error}) while {doing}; {next_step}"
            ) from error
        if code in DAMAGED:
            raise DamagedJournal(
                f"{path}: damaged ({error}) while {doing}; copy the file and its -wal, then "
                "restore them from a backup"
            ) from error
        raise
