"""What SQLite says, as errors of ours: the file, what happened, and what to do next."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.domain.errors import JournalError, JournalUnavailable
from perdure.infrastructure.errors import DamagedJournal, Unstorable

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
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
UNSTORABLE = (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG)


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Raises an error of ours for whatever SQLite raises within; VersionConflict is not its."""
    try:
        yield
    except sqlite3.Error as error:
        raise translation(path, doing, error) from error


def translation(path: Path, doing: str, error: sqlite3.Error) -> JournalError:
    """What is to be raised instead of SQLite's error. Its code decides; few have none."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in UNAVAILABLE:
        what, next_step = UNAVAILABLE[code]
        return JournalUnavailable(f"{path}: {what} ({error}) while {doing}; {next_step}")
    if code in DAMAGED:
        return DamagedJournal(
            f"{path}: damaged ({error}) while {doing}; copy the file and its -wal, then restore "
            "them from a backup"
        )
    if code in UNSTORABLE:
        return Unstorable(
            f"{path}: a row that its table refuses ({error}) while {doing}; nothing of the batch "
            "was stored, and nothing will be until it is changed"
        )
    return JournalError(
        f"{path}: SQLite refuses what was asked of it ({error}) while {doing}; the file is as it "
        "was: another program may have changed its tables, or this is a defect of Perdure"
    )
