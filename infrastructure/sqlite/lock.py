"""One engine a file: an advisory lock on `<file>.engine`, held while the journal can be written.

Never on the database itself: SQLite's own locks there would be lost when any handle of this process
to it closes. The system lets go of the lock when the process dies, however it dies.
"""

import os
import sys
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path

from perdure.domain.errors import JournalInUse, JournalUnavailable

if sys.platform != "win32":
    import fcntl


class EngineLock:
    """Taken when made, until `release`; raises JournalInUse when somebody has it."""

    __slots__ = ("__weakref__", "_descriptor", "path")

    def __init__(self, journal: Path) -> None:
        if sys.platform == "win32":
            raise JournalUnavailable(
                f"{journal}: this system has no locks on files (flock); use Linux or macOS"
            )
        self.path = journal.with_name(journal.name + ".engine")
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalUnavailable(
                f"{journal}: cannot make {self.path.name} beside it ({error.strerror}); check that "
                "its folder exists and may be written"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 100).decode(errors="replace").strip()
            os.close(descriptor)
            raise JournalInUse(
                f"{journal}: another engine{f' ({holder})' if holder else ''} has it open; stop "
                "that one first, or use a file of its own for each engine"
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise JournalUnavailable(
                f"{journal}: cannot lock {self.path.name} beside it ({error.strerror}); put the "
                "journal on a local disk, whose file system has locks"
            ) from error
        with suppress(OSError):  # the lock holds on a full disk too, where nobody can say whose
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()}\n".encode())
        self._descriptor: int | None = descriptor
        released_in_forks().add(self)

    def release(self) -> None:
        """Lets go; idempotent. The file stays: removing it would let two hold it at once."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            self.release()


@cache
def released_in_forks() -> "weakref.WeakSet[EngineLock]":
    """The locks of this process. A fork inherits their descriptors, and would hold on to them.

    One for the whole process, since what is to be done in forks cannot be taken back.
    """
    locks: weakref.WeakSet[EngineLock] = weakref.WeakSet()

    def release() -> None:
        for lock in list(locks):
            lock.release()

    os.register_at_fork(after_in_child=release)
    return locks
