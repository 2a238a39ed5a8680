"""From an address to a journal, or to a client's post office: here alone the kinds are known.

memory://name              in this process, shared by the engines that open it one after another
sqlite:///relative.db      a file; ?synchronous=normal trades the last commits for speed
sqlite:////absolute.db
postgresql://host/database a schema of a database, perdure unless ?schema= names one
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from weakref import WeakValueDictionary

from perdure.domain.errors import JournalInUse, NotAJournal
from perdure.domain.journal import Journal
from perdure.domain.post_office import PostOffice
from perdure.infrastructure.credentials import UNESCAPED, without_password
from perdure.infrastructure.errors import BadAddress
from perdure.infrastructure.keys import KeyRing, keys_from_environment
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.memory.post_office import MemoryPostOffice
from perdure.infrastructure.sealing import Sealer
from perdure.infrastructure.sqlite.connection import Synchronous
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from perdure.infrastructure.sqlite.post_office import SQLitePostOffice

LEASE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Opening:
    """How a journal is opened. One in memory is never sealed."""

    read_only: bool
    lease_seconds: float
    sealer: Sealer


class Opener(Protocol):
    """Opens the journals of one kind of address."""

    async def __call__(self, url: str, parts: SplitResult, how: Opening) -> Journal: ...


class PostOfficeOpener(Protocol):
    """Opens what clients have of one kind of address."""

    async def __call__(self, url: str, parts: SplitResult, sealer: Sealer) -> PostOffice: ...


class MemoryJournals:
    """The named journals in memory of one process, and which of them an engine has open."""

    def __init__(self) -> None:
        self._logs: dict[str, Log] = {}
        self._open: WeakValueDictionary[str, MemoryJournal] = WeakValueDictionary()

    def open(self, name: str, *, read_only: bool = False) -> MemoryJournal:
        if read_only:
            if name not in self._logs:
                raise NotAJournal(f"memory://{name}: no journal is there in this process")
            return MemoryJournal(self._logs[name], read_only=True)
        holder = self._open.get(name)
        if holder is not None and not holder.closed:
            raise JournalInUse(
                f"memory://{name}: another engine of this process has it open; close that one "
                "first, or use another name"
            )
        journal = MemoryJournal(self._logs.setdefault(name, Log()))
        self._open[name] = journal
        return journal

    def post_office(self, name: str) -> MemoryPostOffice:
        return MemoryPostOffice(self._logs.setdefault(name, Log()))

    def log(self, name: str) -> Log:
        """What is stored under this name, whoever has it open."""
        return self._logs[name]


# Module-level, because a name in an address has to mean the same journal in the whole process: what
# a path is to a file. Everything else about it is in the object, and nothing else refers to it.
memory_journals = MemoryJournals()


async def open_journal(
    url: str,
    *,
    read_only: bool = False,
    lease_seconds: float = LEASE_SECONDS,
    keys: KeyRing | None = None,
) -> Journal:
    """The journal at this address. Raises BadAddress, and what opening it raises.

    Read-only it takes no lock, makes no journal and refuses to append: for looking at the journal
    of an engine that runs, or of none. SQLite may leave an empty -wal and a -shm beside the file.
    On PostgreSQL it waits for the lease of another engine to end, and then holds one of so many
    seconds, which it renews.
    """
    parts = split(url)
    opener = OPENERS.get(parts.scheme)
    if opener is None:
        raise no_such_kind(url)
    sealer = Sealer(keys_from_environment() if keys is None else keys)
    return await opener(url, parts, Opening(read_only, lease_seconds, sealer))


async def open_post_office(url: str, *, keys: KeyRing | None = None) -> PostOffice:
    """What a client has of the journal at this address, which is made if there is none yet."""
    parts = split(url)
    opener = POST_OFFICES.get(parts.scheme)
    if opener is None:
        raise no_such_kind(url)
    return await opener(url, parts, Sealer(keys_from_environment() if keys is None else keys))


def split(url: str) -> SplitResult:
    shown = without_password(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        if shown != url:  # of which the error tells
            raise BadAddress(f"{shown!r}: {UNESCAPED}; use {POSSIBLE}") from None
        raise BadAddress(f"{url!r}: {error}; use {POSSIBLE}") from error
    if "#" in url:
        raise BadAddress(f"{shown!r}: write # as %23, or it begins what is no part of an address")
    return parts


def no_such_kind(url: str) -> BadAddress:
    return BadAddress(f"{without_password(url)!r}: no such kind of journal; use {POSSIBLE}")


async def open_memory(url: str, parts: SplitResult, how: Opening) -> Journal:
    return memory_journals.open(memory_name(url, parts), read_only=how.read_only)


async def open_memory_post_office(url: str, parts: SplitResult, sealer: Sealer) -> PostOffice:
    return memory_journals.post_office(memory_name(url, parts))


def memory_name(url: str, parts: SplitResult) -> str:
    if not parts.netloc or parts.path or parts.query:
        raise BadAddress(f"{url!r}: a journal in memory is named like memory://orders")
    return parts.netloc


async def open_sqlite(url: str, parts: SplitResult, how: Opening) -> Journal:
    path, synchronous = sqlite_file(url, parts)
    return await SQLiteJournal.open(
        path, read_only=how.read_only, synchronous=synchronous, sealer=how.sealer
    )


async def open_sqlite_post_office(url: str, parts: SplitResult, sealer: Sealer) -> PostOffice:
    path, synchronous = sqlite_file(url, parts)
    return await SQLitePostOffice.open(path, synchronous=synchronous, sealer=sealer)


def sqlite_file(url: str, parts: SplitResult) -> tuple[Path, Synchronous]:
    path = unquote(parts.path)[1:]
    if parts.netloc or not path:
        raise BadAddress(
            f"{url!r}: a file is named with three slashes, sqlite:///relative.db, or with four, "
            "sqlite:////absolute.db"
        )
    if "\x00" in path:
        raise BadAddress(f"{url!r}: no name of a file has a NUL in it")
    if path == ":memory:":
        raise BadAddress(f"{url!r}: use memory://name for a journal in memory")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    synchronous = options.pop("synchronous", "full").lower()
    if options:
        raise BadAddress(f"{url!r}: unknown option {', '.join(options)}; there is synchronous")
    match synchronous:
        case "full" | "normal":
            return Path(path), synchronous
        case other:
            raise BadAddress(f"{url!r}: synchronous is full or normal, not {other!r}")


async def open_postgres(url: str, parts: SplitResult, how: Opening) -> Journal:
    opening = postgres(parts.scheme)
    journal: Journal = await opening.open_journal(
        url, read_only=how.read_only, lease_seconds=how.lease_seconds, sealer=how.sealer
    )
    return journal


async def open_postgres_post_office(url: str, parts: SplitResult, sealer: Sealer) -> PostOffice:
    office: PostOffice = await postgres(parts.scheme).open_post_office(url, sealer=sealer)
    return office


def postgres(scheme: str) -> ModuleType:
    """The adapter, which needs the extra."""
    try:
        return importlib.import_module("perdure.infrastructure.postgres.opening")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("perdure"):
            raise
        raise BadAddress(
            f"{scheme}://: {error.name} is not installed; it comes with perdure[postgres]"
        ) from error


OPENERS: dict[str, Opener] = {
    "memory": open_memory,
    "sqlite": open_sqlite,
    "postgresql": open_postgres,
    "postgres": open_postgres,
}
POST_OFFICES: dict[str, PostOfficeOpener] = {
    "memory": open_memory_post_office,
    "sqlite": open_sqlite_post_office,
    "postgresql": open_postgres_post_office,
    "postgres": open_postgres_post_office,
}
POSSIBLE = (
    "memory://name, sqlite:///relative.db, sqlite:////absolute.db or postgresql://host/database"
)
