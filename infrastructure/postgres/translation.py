"""What PostgreSQL says, as errors of ours: where, what happened, and what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from perdure.domain.errors import JournalError, JournalUnavailable, LostLease
from perdure.infrastructure.errors import DamagedJournal, Unstorable
from perdure.infrastructure.postgres import flush

# By class of SQLSTATE, or by the whole: what happened, and the next step.
UNAVAILABLE = {
    "08": ("the connection was lost", "check the server and the network"),
    "25006": ("the server only reads", "name the primary server, not a standby"),
    "28": ("access is denied", "check role, password and pg_hba.conf"),
    "3D": ("there is no such database", "make it, or name another one"),
    "40": ("another transaction was in the way", "nothing has to be done, it is tried again"),
    "42501": ("the role lacks a right", "grant it: docs/how_to/run_on_postgresql.md says which"),
    "53": ("the server has no more room", "free disk or memory, or allow more connections"),
    "55": ("something is locked", "find and end what holds the lock"),
    "57": ("the server has ended this", "see why it was stopped; it is tried again"),
    "58": ("the server's system failed", "check its disk, then its log"),
}
DAMAGED = ("42P01", "42703", "3F000", "42883", "XX001", "XX002")
UNSTORABLE = ("21", "22", "23", "54")


@contextmanager
def translated(where: str, doing: str) -> Iterator[None]:
    """Raises an error of ours for whatever psycopg raises within; VersionConflict is not its."""
    try:
        yield
    except psycopg.Error as error:
        raise translation(where, doing, error) from error


def translation(where: str, doing: str, error: psycopg.Error) -> JournalError:
    """What is to be raised instead of psycopg's error. Its SQLSTATE decides."""
    code, told = error.sqlstate or "", " ".join(str(error).split())
    if code == flush.FENCED:
        return LostLease(f"{where}: another engine has taken over ({told}); nothing was appended")
    found = UNAVAILABLE.get(code) or UNAVAILABLE.get(code[:2])
    if (
        found is None
        and not code
        and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    ):
        found = UNAVAILABLE["08"]
    if found is not None:
        what, next_step = found
        return JournalUnavailable(f"{where}: {what} ({told}) while {doing}; {next_step}")
    if code in DAMAGED:
        return DamagedJournal(
            f"{where}: damaged ({told}) while {doing}; restore it from a backup, or name the "
            "schema of a journal with ?schema=..."
        )
    if code[:2] in UNSTORABLE:
        return Unstorable(
            f"{where}: a row that its table refuses ({told}) while {doing}; nothing of the batch "
            "was stored, and nothing will be until it is changed"
        )
    return JournalError(
        f"{where}: PostgreSQL refuses what was asked of it ({told}) while {doing}; nothing was "
        "changed: another program may have changed its tables, or this is a defect of Perdure"
    )
